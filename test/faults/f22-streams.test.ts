// F-22 on the way to a cluster: whatever is open for a user or through a machine ends within five seconds of the right to it, on both
// sides, and says so.
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import type { AccessBinding, AccessToken } from '#shared/contract/access.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { kubectlPath } from '#test/helpers/kubectl.ts'
import { until } from '#test/helpers/until.ts'
import { type KubeSite, startKubeSite } from '#test/tunnel/kube-proxy/site.ts'

const limitMs = 5_000

interface Open {
  what: string
  /** Resolves with how it ended: a clean end of what was cut would be a lie. */
  ended: Promise<'cut' | 'whole'>
}

function upgrade(site: KubeSite, token: string, protocol: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port: site.port, ca: site.ca, agent: false },
      path: site.at('/api/v1/namespaces/default/pods/one/exec?command=sh&tty=true'),
      headers: {
        ...{ authorization: `Bearer ${token}`, connection: 'Upgrade', upgrade: protocol },
        ...{ 'sec-websocket-key': 'a', 'sec-websocket-version': '13', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
      },
    })
    request.on('upgrade', (_response, socket) => resolve(socket))
    request.on('response', ({ statusCode }) => reject(new Error(`${statusCode}`)))
    request.on('error', reject)
    request.end()
  })
}

/** A watch, a body that streams, one of each upgrade, and a kubectl that follows: open at the cluster before this resolves. */
async function openAll(t: ExecutionContext, site: KubeSite, token: string): Promise<Open[]> {
  const client = connectHttp2(`https://${site.host}`, { ca: site.ca })
  client.on('error', () => client.destroy())
  t.teardown(() => client.destroy())
  const open: Open[] = []
  for (const path of ['/api/v1/namespaces/default/pods?watch=true', '/hold']) {
    const stream = client.request({ ':path': site.at(path), authorization: `Bearer ${token}` })
    stream.on('error', () => stream.destroy())
    const ended = new Promise<'cut' | 'whole'>((resolve) => stream.once('close', () => resolve(stream.rstCode === 0 ? 'whole' : 'cut')))
    await once(stream, 'response')
    stream.resume()
    open.push({ what: `GET ${path}`, ended })
  }
  for (const protocol of ['websocket', 'SPDY/3.1']) {
    const socket = await upgrade(site, token, protocol)
    socket.on('error', () => socket.destroy())
    socket.resume()
    open.push({ what: protocol, ended: new Promise((resolve) => socket.once('close', () => resolve('cut'))) })
  }
  const kubectl = await startProgram(t, await kubectlPath(), [
    ...['--kubeconfig', await site.clusterKubeconfig(token), 'get', 'pods', '--watch', '-o', 'name'],
  ])
  open.push({ what: 'kubectl get --watch', ended: kubectl.exited.then(() => 'cut') })
  await until('both watches to be open at the cluster', () => site.kube.watches() === 2)
  return open
}

async function allEndWithin(t: ExecutionContext, site: KubeSite, open: readonly Open[], act: () => Promise<unknown>): Promise<void> {
  const begun = site.kube.seen.filter(({ url, isUpgrade }) => isUpgrade || /watch=|\/hold/.test(url))
  t.is(begun.length, 5)
  const startMs = performance.now()
  await act()
  for (const { what, ended } of open) {
    t.is(await ended, 'cut', what)
    t.true(performance.now() - startMs < limitMs, `${what} after ${performance.now() - startMs} ms`)
  }
  for (const seen of begun) {
    const how = await seen.ended
    // Node does not tell a TLS connection without close_notify from one with it; Go, which API servers are made of, does.
    if (!seen.isUpgrade) t.is(how, 'cut', seen.url)
    t.true(performance.now() - startMs < limitMs, `${seen.url} at the cluster after ${performance.now() - startMs} ms`)
  }
  t.log(`all ${open.length} have ended after ${Math.round(performance.now() - startMs)} ms`)
}

const tokenObject = (site: KubeSite) => {
  const [own] = site.resources.list<AccessToken>('AccessToken').items.filter(({ spec }) => spec.user === 'user1')
  return own?.metadata.name ?? ''
}

const losses: Readonly<Record<string, (site: KubeSite) => Promise<unknown>>> = {
  'its AccessToken is deleted': (site) => site.resources.delete('AccessToken', tokenObject(site)),
  'its AccessBinding is deleted': (site) => site.resources.delete('AccessBinding', 'binding-user1'),
  'the cluster is deleted': async (site) => {
    await site.resources.modify<Machine>('Machine', 'leader', (machine) => ({
      ...machine,
      spec: { ...machine.spec, clusterRef: undefined },
    }))
    await site.resources.delete('Cluster', 'one')
  },
  'the machine is revoked': async (site) => {
    site.fleet.denied.add(site.member.agentId)
    await site.fleet.gateway.revoke(site.member.agentId)
  },
}

for (const [what, act] of Object.entries(losses))
  test.serial(`F-22: watches, bodies, upgrades and kubectl end within 5 s when ${what}`, async (t) => {
    const site = await startKubeSite(t)
    const token = await site.tokenFor('operator', 'one')
    const open = await openAll(t, site, token)
    await allEndWithin(t, site, open, () => act(site))
    const again = await site.ask(site.at('/version'), { token })
    t.true([401, 403, 404, 503, 504].includes(again.status), again.text)
    await until('nothing to be left', () => site.client.stats().pools === 0 && site.fleet.tunnels.stats().streams === 0)
  })

test.serial('F-22: a role that is lowered ends what was opened with the higher one; what is opened then has the lower one', async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('operator', 'one')
  const socket = await upgrade(site, token, 'websocket')
  socket.on('error', () => socket.destroy())
  socket.resume()
  const closed = once(socket, 'close')
  const startMs = performance.now()
  await site.resources.modify<AccessBinding>('AccessBinding', 'binding-user1', (binding) => ({
    ...binding,
    spec: { ...binding.spec, role: 'viewer' },
  }))
  await closed
  t.true(performance.now() - startMs < limitMs)
  t.is((await site.ask(site.at('/headers'), { token })).status, 200)
  const last = site.kube.seen.at(-1)?.rawHeaders ?? []
  t.true(last.includes('moorline:view') && !last.includes('moorline:edit'))
})
