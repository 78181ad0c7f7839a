import test from 'ava'
import type { RouteInfo } from '#hub/api/types.ts'
import { manifest, startApi, type TestApi } from './fixture.ts'

// The whole public surface. A route that is not in a list below must refuse.
const publicRoutes = ['GET /livez', 'GET /readyz', 'POST /auth/login', 'GET /', 'GET /index.html', 'GET /assets/*', 'GET /:file(…)']
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
const viewer = [
  'GET /metrics',
  ...fleet.flatMap((path) => [`GET ${path}`, `GET ${path}/:name`, `GET ${path}/:name/status`]),
  'GET /apis/moorline.dev/v1alpha1/tasks/:name/log',
]
const operator = [
  ...viewer,
  ...fleet.flatMap((path) => [`POST ${path}`, `DELETE ${path}`, `DELETE ${path}/:name`, `PUT ${path}/:name`, `PATCH ${path}/:name`]),
  'POST /apis/moorline.dev/v1alpha1/tasks/:name/cancel',
]

const label = ({ method, url }: RouteInfo) => `${method} ${url.replace(/\(.*\)/, '(…)')}`
const pathOf = ({ url }: RouteInfo) =>
  url
    .replace(/:file\(.*\)/, 'favicon.svg')
    .replace(':name', 'nothing')
    .replace('*', 'nothing.js')

/** Denied means 401, 403, or 429 after too many wrong tokens; anything else means that the route did something with the request. */
async function isDenied(api: TestApi, route: RouteInfo, token?: string): Promise<boolean> {
  const isWrite = route.method !== 'GET'
  const answer = await api.ask(pathOf(route), { method: route.method, token, body: isWrite ? {} : undefined })
  return [401, 403, 429].includes(answer.status)
}

async function reachable(api: TestApi, token?: string): Promise<string[]> {
  const open: string[] = []
  for (const route of api.api.routes) if (!(await isDenied(api, route, token))) open.push(label(route))
  return open.sort()
}

test('without credentials every route but the public ones answers 401', async (t) => {
  const api = await startApi(t)
  const open = await reachable(api)
  // Signing in is refused by its own check, not by the guard.
  t.deepEqual(open, [...publicRoutes].sort())
  const denied = await api.ask('/apis/moorline.dev/v1alpha1/machines')
  t.is(denied.status, 401)
  t.is(denied.json().reason, 'Unauthorized')
  t.truthy(denied.headers['www-authenticate'])
})

test('a token that is wrong opens nothing more than no token', async (t) => {
  const api = await startApi(t)
  const open = await reachable(api, 'mla_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
  for (const route of open) t.true(publicRoutes.includes(route), route)
})

test('each role reaches its own routes and no other', async (t) => {
  const api = await startApi(t)
  const roles = { none: undefined, viewer: 'viewer', operator: 'operator' } as const
  const expected = { none: [], viewer, operator }
  for (const [name, role] of Object.entries(roles)) {
    const open = await reachable(api, await api.tokenFor(role))
    t.deepEqual(open, [...publicRoutes, ...everyUser, ...expected[name as keyof typeof expected]].sort(), name)
  }
})

test('an admin is refused nowhere', async (t) => {
  const api = await startApi(t)
  // Last, because it ends the token's session and deletes what it finds.
  for (const route of api.api.routes.filter((one) => one.method === 'GET'))
    t.false(await isDenied(api, route, api.adminToken), label(route))
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
  t.is(await status('GET', '/machines/core-1'), 403)
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
