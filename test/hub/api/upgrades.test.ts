import test from 'ava'
import type { AccessToken } from '#shared/contract/access.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { UpgradeRoute } from '#hub/api/types.ts'
import { until } from '#test/helpers/until.ts'
import { manifest, startApi, type TestApi } from './fixture.ts'
import { upgrade } from './upgrade.ts'

const echo: UpgradeRoute = {
  path: '/echo/:name/*',
  access: { verb: 'get', kind: 'Cluster' },
  sessions: true,
  async handle({ socket, params, head, accepted }) {
    if (params.name === 'broken') throw new ApiError('ServiceUnavailable', 'there is no way to broken')
    await accepted(`echo of ${params.name}`)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.write(head)
    socket.pipe(socket)
  },
}
const tokenOnly: UpgradeRoute = { ...echo, path: '/token-only/:name', sessions: false }

async function start(t: Parameters<typeof startApi>[0]): Promise<TestApi> {
  const api = await startApi(t, { upgrades: [echo, tokenOnly] })
  for (const name of ['one', 'two']) await api.resources.create('Cluster', manifest('Cluster', name, { type: 'Registered' }))
  return api
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const rows = (api: TestApi) => api.store.audit(0, 100)

test('An upgrade with a token of enough rights is handed over, and its start and end are audited', async (t) => {
  const api = await start(t)
  const { status, socket } = await upgrade(api, '/echo/one/x', bearer(await api.tokenFor('viewer', 'one')))
  t.is(status, 101)
  socket?.write('hello')
  const [back] = (await new Promise((resolve) => socket?.once('data', (...all) => resolve(all)))) as [Buffer]
  t.is(back.toString(), 'hello')
  socket?.destroy()
  const own = await until('the end to be audited', async () => {
    const found = (await rows(api)).filter((row) => row.detail?.startsWith('echo of one'))
    return found.length === 2 && found
  })
  t.deepEqual(own.map(({ result }) => result).sort(), ['101', 'Ended'])
  t.true(
    own.every(
      ({ user, decision, verb, resource, name }) =>
        user === 'user1' && decision === 'allow' && verb === 'get' && resource === 'Cluster' && name === 'one',
    ),
  )
})

test('An upgrade without credentials, with wrong ones, or with too few rights is a Status object and a row in the audit log', async (t) => {
  const api = await start(t)
  const scoped = await api.tokenFor('admin', 'two')
  for (const [headers, status] of [
    [{}, 401],
    [bearer('mlt_nobody'), 401],
    [bearer(await api.tokenFor(undefined)), 403],
    [bearer(scoped), 403],
  ] as const) {
    const answer = await upgrade(api, '/echo/one/x', headers)
    t.is(answer.status, status)
    t.like(JSON.parse(answer.body), { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status })
  }
  t.is((await upgrade(api, '/echo/two/x', bearer(scoped))).status, 101)
  t.is((await upgrade(api, '/echo/broken/x', bearer(api.adminToken))).status, 503)
  t.deepEqual(
    (await rows(api))
      .filter((row) => row.decision === 'deny')
      .map((row) => row.result)
      .sort(),
    ['401', '401', '403', '403'],
  )
})

test('A session is taken only where the route takes one, and only from a page of this hub', async (t) => {
  const api = await start(t)
  const { cookie } = await api.auth.createSession({ name: 'root', groups: [] })
  const own = { cookie: `__Host-moorline=${cookie}`, origin: `https://${api.host}` }
  t.is((await upgrade(api, '/echo/one/x', own)).status, 101)
  t.is((await upgrade(api, '/echo/one/x', { ...own, origin: 'https://evil.example' })).status, 403)
  t.is((await upgrade(api, '/echo/one/x', { cookie: own.cookie })).status, 403)
  t.is((await upgrade(api, '/token-only/one', own)).status, 403)
})

test('A path that no upgrade route names is an ordinary request, whatever it asks for', async (t) => {
  const api = await start(t)
  t.is((await upgrade(api, '/version', bearer(api.adminToken))).status, 200)
  t.is((await upgrade(api, '/echo/one%2Fx/y', bearer(api.adminToken))).status, 404)
})

test('An open stream ends when its token is revoked, and when its binding goes', async (t) => {
  const api = await start(t)
  const token = await api.tokenFor('viewer')
  const first = await upgrade(api, '/echo/one/x', bearer(token))
  const isClosed = new Promise((resolve) => first.socket?.once('close', resolve))
  const [own] = api.resources.list<AccessToken>('AccessToken').items.filter((item) => item.spec.user === 'user1')
  await api.resources.delete('AccessToken', own?.metadata.name ?? '')
  await isClosed

  const second = await upgrade(api, '/echo/one/x', bearer(await api.tokenFor('viewer')))
  const isGone = new Promise((resolve) => second.socket?.once('close', resolve))
  await api.resources.delete('AccessBinding', 'binding-user2')
  await isGone
  await until('the reason to be audited', async () =>
    (await rows(api)).some((row) => row.result === 'Ended' && /rights have changed/.test(row.detail ?? '')),
  )
  t.pass()
})
