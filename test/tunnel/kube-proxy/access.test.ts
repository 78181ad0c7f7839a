import { request as httpsRequest } from 'node:https'
import test from 'ava'
import type { RoleName } from '#shared/contract/access.ts'
import { until } from '#test/helpers/until.ts'
import { headersOf } from './fake-kube.ts'
import { type KubeSite, startKubeSite } from './site.ts'

const exec = '/api/v1/namespaces/default/pods/one/exec?command=sh'

/** The status; of an upgrade that was accepted 101. */
function ask(site: KubeSite, path: string, options: { method?: string; headers?: Record<string, string> }): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest({ host: '127.0.0.1', port: site.port, ca: site.ca, agent: false, path, ...options }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve(101)
    })
    asked.on('error', reject)
    asked.end()
  })
}

const upgradeTo = (protocol: string) => ({
  ...{ connection: 'Upgrade', upgrade: protocol, 'x-stream-protocol-version': 'v4.channel.k8s.io' },
  ...{ 'sec-websocket-key': 'a', 'sec-websocket-version': '13' },
})

/** Every way into a cluster: each method, each upgrade, the kubeconfig. */
const ways = (site: KubeSite): [string, (headers: Record<string, string>) => Promise<number>][] => [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
    (method): [string, (headers: Record<string, string>) => Promise<number>] => [
      method,
      (headers) => ask(site, site.at('/version'), { method, headers }),
    ],
  ),
  ...['websocket', 'SPDY/3.1'].map((protocol): [string, (headers: Record<string, string>) => Promise<number>] => [
    protocol,
    (headers) => ask(site, site.at(exec), { headers: { ...headers, ...upgradeTo(protocol) } }),
  ]),
  ['SPDY with POST', (headers) => ask(site, site.at(exec), { method: 'POST', headers: { ...headers, ...upgradeTo('SPDY/3.1') } })],
  ['kubeconfig', (headers) => ask(site, '/apis/moorline.dev/v1alpha1/clusters/one/kubeconfig', { headers })],
]

test('Every way into a cluster is closed without credentials, without a role for it, and with a session of the dashboard', async (t) => {
  const site = await startKubeSite(t)
  const bearer = async (role: RoleName | undefined, cluster?: string) => ({ authorization: `Bearer ${await site.tokenFor(role, cluster)}` })
  const { cookie } = await site.auth.createSession({ name: 'root', groups: [] })
  const session = { cookie: `__Host-moorline=${cookie}`, origin: `https://${site.host}`, 'sec-fetch-site': 'same-origin' }
  const callers: Record<string, [Record<string, string>, number]> = {
    'no credentials': [{}, 401],
    'a token that is none': [{ authorization: 'Bearer mla_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }, 401],
    'Basic credentials': [{ authorization: `Basic ${Buffer.from('root:root').toString('base64')}` }, 401],
    'no role': [await bearer(undefined), 403],
    'admin of another cluster': [await bearer('admin', 'two'), 403],
    'a session of an admin': [session, 403],
  }
  for (const [who, [headers, status]] of Object.entries(callers))
    for (const [way, go] of ways(site)) {
      // The file is what the dashboard offers as a download; it makes a token that ends with the session.
      if (way === 'kubeconfig' && headers === session) continue
      t.is(await go(headers), status, `${way} with ${who}`)
    }
  t.deepEqual(site.kube.seen, [], 'nothing of it has reached the cluster')
})

test('Each role acts in the cluster as its own group, whichever way it goes', async (t) => {
  const groups = { viewer: 'moorline:view', operator: 'moorline:edit', admin: 'moorline:admin' } as const
  const site = await startKubeSite(t)
  for (const [role, group] of Object.entries(groups) as [RoleName, string][])
    for (const scope of ['one', undefined]) {
      const headers = { authorization: `Bearer ${await site.tokenFor(role, scope)}` }
      for (const [way, go] of ways(site)) {
        const before = site.kube.seen.length
        const status = await go(headers)
        t.false([401, 403].includes(status), `${way} as ${role}: ${status}`)
        if (way === 'kubeconfig') continue
        t.is(site.kube.seen.length, before + 1, way)
        t.deepEqual(headersOf(site.kube.seen.at(-1), 'impersonate-group'), [group], way)
      }
    }
})

test('Requests of one user share a connection of the tunnel, one after the other; at once they have as many as they need, and four are kept', async (t) => {
  const site = await startKubeSite(t)
  const headers = { authorization: `Bearer ${await site.tokenFor('admin', 'one')}` }
  for (let round = 0; round < 50; round++) t.is(await ask(site, site.at('/version'), { headers }), 200)
  t.is(site.fleet.tunnels.stats().opened, 1)
  t.deepEqual(site.client.stats(), { pools: 1, idle: 1 })
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 16 }, () => ask(site, site.at('/version'), { headers })))
  await until('four to be kept', () => site.client.stats().idle === 4 && site.fleet.tunnels.stats().streams === 4)
})
