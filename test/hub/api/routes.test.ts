import test from 'ava'
import type { RouteAccess, RouteInfo } from '#hub/api/types.ts'
import { rolesThatMay } from '#hub/auth/rules.ts'
import { startWholeApi } from './all-routes.ts'
import { manifest, startApi, type TestApi } from './fixture.ts'
import { upgrade } from './upgrade.ts'

// The whole public surface. A route that is not in a list below must refuse.
const publicRoutes = [
  ...['GET /livez', 'GET /readyz', 'POST /auth/login', 'GET /', 'GET /index.html', 'GET /assets/*', 'GET /:file(…)'],
  ...['GET /install.sh', 'GET /artifacts/:name'],
]
/** Public for the guard; refuses by itself whoever comes without the join token of a registration. */
const ownRefusal = ['GET /registration/manifest.yaml']
const everyUser = [
  'GET /version',
  'GET /api',
  'GET /apis',
  'GET /apis/moorline.dev',
  'GET /apis/moorline.dev/v1alpha1',
  'GET /apis/authentication.k8s.io',
  'GET /apis/authentication.k8s.io/v1',
  'GET /apis/authorization.k8s.io',
  'GET /apis/authorization.k8s.io/v1',
  'GET /openapi/v2',
  'GET /openapi/v3',
  'GET /openapi/v3/apis/moorline.dev/v1alpha1',
  'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
  'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
  'GET /auth/whoami',
  'POST /auth/logout',
]
const fleet = ['clusters', 'machines', 'tasks', 'jointokens', 'credentials'].map((plural) => `/apis/moorline.dev/v1alpha1/${plural}`)
const cluster = '/apis/moorline.dev/v1alpha1/clusters/:name'
const viewer = [
  'GET /metrics',
  ...fleet.flatMap((path) => [`GET ${path}`, `GET ${path}/:name`, `GET ${path}/:name/status`]),
  'GET /apis/moorline.dev/v1alpha1/tasks/:name/log',
  ...[`GET ${cluster}/kubeconfig`, `GET ${cluster}/rights`, 'UPGRADE /clusters/:name/proxy/*'],
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].flatMap((method) => [
    `${method} /clusters/:name/proxy`,
    `${method} /clusters/:name/proxy/*`,
  ]),
]
const operator = [
  ...viewer,
  ...fleet.flatMap((path) => [`POST ${path}`, `DELETE ${path}`, `DELETE ${path}/:name`, `PUT ${path}/:name`, `PATCH ${path}/:name`]),
  'POST /apis/moorline.dev/v1alpha1/tasks/:name/cancel',
  `POST ${cluster}/registration`,
]

const label = ({ method, url }: RouteInfo) => `${method} ${url.replace(/\(.*\)/, '(…)')}`
const pathOf = ({ url }: RouteInfo, name: string) =>
  url
    .replace(/:file\(.*\)/, 'favicon.svg')
    .replace(':name', name)
    .replace('*', 'nothing.js')

async function call(api: TestApi, route: RouteInfo, token?: string, name = 'nothing'): Promise<{ status: number; body: string }> {
  const path = pathOf(route, name)
  if (route.method === 'UPGRADE') {
    const headers = { upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
    return upgrade(api, path, { ...headers, ...(token && { authorization: `Bearer ${token}` }) })
  }
  const isWrite = !['GET', 'HEAD', 'OPTIONS'].includes(route.method)
  const { status, text } = await api.ask(path, { method: route.method, token, body: isWrite ? {} : undefined })
  return { status, body: text }
}

/** Denied means 401, 403, or 429 after too many wrong tokens; anything else means that the route did something with the request. */
async function isDenied(api: TestApi, route: RouteInfo, token?: string): Promise<boolean> {
  return [401, 403, 429].includes((await call(api, route, token)).status)
}

async function reachable(api: TestApi, token?: string): Promise<string[]> {
  const open: string[] = []
  for (const route of api.api.routes) if (!(await isDenied(api, route, token))) open.push(label(route))
  return open.sort()
}

test('without credentials every route but the public ones answers 401', async (t) => {
  const api = await startWholeApi(t)
  const open = await reachable(api)
  // Signing in is refused by its own check, not by the guard.
  t.deepEqual(open, [...publicRoutes].sort())
  const denied = await api.ask('/apis/moorline.dev/v1alpha1/machines')
  t.is(denied.status, 401)
  t.is(denied.json().reason, 'Unauthorized')
  t.truthy(denied.headers['www-authenticate'])
})

test('a token that is wrong opens nothing more than no token', async (t) => {
  const api = await startWholeApi(t)
  const open = await reachable(api, 'mla_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
  for (const route of open) t.true(publicRoutes.includes(route), route)
})

test('each role reaches its own routes and no other', async (t) => {
  const api = await startWholeApi(t)
  const roles = { none: undefined, viewer: 'viewer', operator: 'operator' } as const
  const expected = { none: [], viewer, operator }
  for (const [name, role] of Object.entries(roles)) {
    const open = await reachable(api, await api.tokenFor(role))
    t.deepEqual(open, [...publicRoutes, ...everyUser, ...expected[name as keyof typeof expected]].sort(), name)
  }
})

test('an admin is refused nowhere', async (t) => {
  const api = await startWholeApi(t)
  // Last, because it ends the token's session and deletes what it finds.
  const reads = api.api.routes.filter((one) => ['GET', 'UPGRADE'].includes(one.method) && !ownRefusal.includes(label(one)))
  for (const route of reads) t.false(await isDenied(api, route, api.adminToken), label(route))
})

test('a route that does not say who may call it cannot be added', async (t) => {
  await t.throwsAsync(startApi(t, { routes: [(app) => void app.get('/forgotten', () => 'secret')] }), {
    message: /\/forgotten does not say who may call it/,
  })
})

test('a binding that is limited to a cluster covers its machines and tasks and nothing else', async (t) => {
  const api = await startApi(t)
  for (const name of ['edge', 'core']) {
    await api.resources.create('Cluster', manifest('Cluster', name, { type: 'Registered' }))
    await api.resources.create('Machine', manifest('Machine', `${name}-1`, { clusterRef: name }))
    await api.resources.create('Task', manifest('Task', `${name}-task`, { machine: `${name}-1`, action: 'facts' }))
  }
  const token = await api.tokenFor('operator', 'edge')
  const names = async (plural: string) =>
    (await api.ask(`/apis/moorline.dev/v1alpha1/${plural}`, { token }))
      .json()
      .items.map((item: { metadata: { name: string } }) => item.metadata.name)
  t.deepEqual(await names('clusters'), ['edge'])
  t.deepEqual(await names('machines'), ['edge-1'])
  t.deepEqual(await names('tasks'), ['edge-task'])
  const path = '/apis/moorline.dev/v1alpha1'
  const status = async (method: string, rest: string, body?: object, type = 'application/json') =>
    (await api.ask(`${path}${rest}`, { method, token, body, headers: body && { 'content-type': type } })).status
  t.is(await status('GET', '/machines/edge-1'), 200)
  t.is(await status('GET', '/machines/core-1'), 404)
  t.is(await status('GET', '/machines/core-1/status'), 403)
  t.is(await status('GET', '/tasks/core-task/log'), 403)
  t.is(await status('POST', '/tasks/core-task/cancel'), 403)
  t.is(await status('POST', '/tasks', manifest('Task', 't2', { machine: 'core-1', action: 'facts' })), 403)
  t.is(await status('POST', '/tasks', manifest('Task', 't2', { machine: 'edge-1', action: 'facts' })), 201)
  const merge = 'application/merge-patch+json'
  // Neither out of the own cluster nor into it.
  t.is(await status('PATCH', '/machines/edge-1', { spec: { clusterRef: 'core' } }, merge), 403)
  t.is(await status('PATCH', '/machines/core-1', { spec: { clusterRef: 'edge' } }, merge), 403)
  t.is(await status('PATCH', '/machines/edge-1', { spec: { displayName: 'x' } }, merge), 200)
  t.is(await status('POST', '/accesstokens', manifest('AccessToken', 'x', { user: 'root' })), 403)
  await api.ask(`${path}/tasks`, { method: 'DELETE', token })
  t.deepEqual(
    api.resources.list('Task').items.map((item) => item.metadata.name),
    ['core-task'],
  )
})

test('who may see one cluster cannot tell a name of another from one that there is not, on any route', async (t) => {
  const api = await startWholeApi(t)
  await api.resources.create('Cluster', manifest('Cluster', 'edge', { type: 'Registered' }))
  await api.resources.create('Cluster', manifest('Cluster', 'core', { type: 'Registered' }))
  await api.resources.create('Machine', manifest('Machine', 'core', { clusterRef: 'core' }))
  await api.resources.create('Task', manifest('Task', 'core', { machine: 'core', action: 'facts' }))
  await api.resources.create('JoinToken', manifest('JoinToken', 'core', { clusterRef: 'core' }))
  const password = { type: 'Password', clusterRef: 'core', data: { password: 'canary' } }
  await api.resources.create('Credential', manifest('Credential', 'core', password))
  const named = api.api.routes.filter(({ url, access }) => url.includes(':name') && access !== 'public')
  t.true(named.some(({ method }) => method === 'UPGRADE') && named.some(({ method }) => method === 'DELETE'))
  for (const role of ['viewer', 'operator', 'admin'] as const) {
    const token = await api.tokenFor(role, 'edge')
    for (const route of named) {
      const [there, missing] = [await call(api, route, token, 'core'), await call(api, route, token, 'none')]
      const { verb, kind, subresource } = route.access as Exclude<RouteAccess, string>
      const isPlainRead = verb === 'get' && subresource === undefined && rolesThatMay(verb, kind).includes(role)
      t.is(there.status, isPlainRead ? 404 : 403, `${role} ${label(route)}`)
      t.is(missing.status, there.status, `${role} ${label(route)}`)
      t.is(missing.body.replaceAll('none', 'core'), there.body, `${role} ${label(route)}`)
    }
  }
  // kubectl apply asks for what it is about to create; a refusal is audited as one, whatever it is called and whether there is such a name.
  const rows = (await api.store.audit(0, 1_000)).filter(({ result, resource }) => result === '404' && resource === 'Machine')
  t.deepEqual([...new Set(rows.map(({ name, decision }) => `${name} ${decision}`))].sort(), ['core deny', 'none deny'])
  // Whoever may see all of a kind is told that there is no such name.
  const everywhere = await api.tokenFor('admin')
  const proxied = named.find(({ method, url }) => method === 'UPGRADE' && url.includes('/proxy/')) as RouteInfo
  t.is((await call(api, proxied, everywhere, 'none')).status, 404)
  t.is((await api.ask('/apis/moorline.dev/v1alpha1/machines/none', { token: everywhere })).status, 404)
})

test('nor by asking what may be done, nor by a reference to the name', async (t) => {
  const api = await startApi(t)
  for (const name of ['edge', 'core']) await api.resources.create('Cluster', manifest('Cluster', name, { type: 'Registered' }))
  await api.resources.create('Machine', manifest('Machine', 'core', { clusterRef: 'core' }))
  const password = { type: 'Password', clusterRef: 'core', data: { password: 'canary' } }
  await api.resources.create('Credential', manifest('Credential', 'core', password))
  const token = await api.tokenFor('operator', 'edge')
  const answers = async (path: string, bodyOf: (name: string) => object) => {
    const both = []
    for (const name of ['core', 'none']) both.push(await api.ask(path, { method: 'POST', token, body: bodyOf(name) }))
    return both.map(({ status, text }) => `${status} ${text.replaceAll('none', 'core')}`)
  }
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const [yes, no] = await answers(reviews, (name) => ({
    spec: { resourceAttributes: { group: 'moorline.dev', resource: 'machines', verb: 'get', name } },
  }))
  t.is(yes, no)
  t.regex(yes ?? '', /"allowed":false/)
  const base = '/apis/moorline.dev/v1alpha1'
  const ssh = (credentialRef: string) => ({ host: '192.0.2.1', credentialRef })
  for (const [path, bodyOf] of [
    ['machines', (name: string) => manifest('Machine', 'm', { clusterRef: 'edge', ssh: ssh(name) })],
    ['machines', (name: string) => manifest('Machine', 'm', { clusterRef: name })],
    ['tasks', (name: string) => manifest('Task', 't', { machine: name, action: 'facts' })],
    // Its bearer would become that machine.
    ['jointokens', (name: string) => manifest('JoinToken', 'j', { clusterRef: 'edge', machineRef: name, approval: 'Automatic' })],
  ] as const) {
    const [there, missing] = await answers(`${base}/${path}`, bodyOf)
    t.regex(there ?? '', /^403 /)
    t.is(missing, there)
  }
  await api.resources.create('Machine', manifest('Machine', 'own', { clusterRef: 'edge' }))
  const own = manifest('JoinToken', 'j', { clusterRef: 'edge', machineRef: 'own' })
  t.is((await api.ask(`${base}/jointokens`, { method: 'POST', token, body: own })).status, 201)
})
