import { writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import test from 'ava'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { startKubeSite } from './site.ts'

const kubeconfig = (user: object) =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })

// node:http and node:tls throw at once for these: an agent that did not expect it would end.
const broken: Readonly<Record<string, object>> = {
  'a token with a line in it': { token: 'a\nImpersonate-User: root' },
  'a token that is no ASCII': { token: 'schlüssel\u2028' },
  'a certificate that is none': { 'client-certificate-data': 'bm9uZQ==', 'client-key-data': 'bm9uZQ==' },
}

for (const [what, user] of Object.entries(broken))
  test(`An agent whose kubeconfig has ${what} says so to who asks, and goes on`, async (t) => {
    const path = join(await tempDir(t as never), 'agent.kubeconfig')
    await writeFile(path, kubeconfig(user))
    const site = await startKubeSite(t, { kubeconfig: path })
    const token = await site.tokenFor('admin', 'one')
    for (let round = 0; round < 2; round++) {
      const answer = await site.ask(site.at('/version'), { token })
      t.is(answer.status, 503, answer.text)
      t.regex(answer.json().message, /has no credentials for it/)
      t.false(answer.text.includes('Impersonate-User'), 'a secret is not in the message')
    }
    const upgraded = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, connection: 'Upgrade', upgrade: 'websocket' }
      const asked = httpsRequest({ host: '127.0.0.1', port: site.port, ca: site.ca, agent: false, path: site.at('/x/exec'), headers })
      asked.on('response', ({ statusCode }) => resolve(statusCode))
      asked.on('error', reject).end()
    })
    t.is(upgraded, 503)
  })
