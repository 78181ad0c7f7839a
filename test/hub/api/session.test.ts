import test from 'ava'
import { base, manifest, startApi, type TestApi } from './fixture.ts'

async function signIn(api: TestApi): Promise<string> {
  const answer = await api.ask('/auth/login', { method: 'POST', body: { code: api.auth.createLoginCode({ name: 'root' }) } })
  return String(answer.headers['set-cookie']).split(';')[0] ?? ''
}

test('a one-time code becomes a cookie that only this host over TLS gets and no script reads', async (t) => {
  const api = await startApi(t)
  const code = api.auth.createLoginCode({ name: 'root' })
  const answer = await api.ask('/auth/login', { method: 'POST', body: { code }, headers: { origin: `https://${api.host}` } })
  t.is(answer.status, 200)
  t.is(answer.json().user, 'root')
  t.regex(String(answer.headers['set-cookie']), /^__Host-moorline=mla_\S+; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=43200$/)
  t.notRegex(answer.text, /mla_/)
  const again = await api.ask('/auth/login', { method: 'POST', body: { code } })
  t.is(again.status, 401)
})

test('a token can be used to sign in, and its session ends with it', async (t) => {
  const api = await startApi(t)
  const token = await api.tokenFor('viewer')
  const answer = await api.ask('/auth/login', { method: 'POST', body: { token } })
  const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? ''
  t.like((await api.ask('/auth/whoami', { headers: { cookie } })).json(), { user: 'user1', roles: ['viewer'], via: 'session' })
  await api.resources.delete('AccessToken', 'token-user1')
  t.is((await api.ask('/auth/whoami', { headers: { cookie } })).status, 401)
})

test('a session is no bearer token and a bearer token is no session', async (t) => {
  const api = await startApi(t)
  const cookie = await signIn(api)
  t.is((await api.ask('/auth/whoami', { token: cookie.split('=')[1] ?? '' })).status, 401)
  t.is((await api.ask('/auth/whoami', { headers: { cookie: `__Host-moorline=${api.adminToken}` } })).status, 401)
})

test('F-37: a write with a cookie needs the Origin of this hub', async (t) => {
  const api = await startApi(t)
  const cookie = await signIn(api)
  const create = (headers: Record<string, string>, name: string) =>
    api.ask(`${base}/machines`, { method: 'POST', body: manifest('Machine', name, {}), headers: { cookie, ...headers } })
  const refused: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://${api.host}` },
    { origin: `https://${api.host}.evil.example` },
    { origin: `https://${api.host}`, 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of refused) {
    const answer = await create(headers, 'm1')
    t.is(answer.status, 403, JSON.stringify(headers))
    t.is(answer.json().reason, 'Forbidden')
  }
  t.is(api.resources.get('Machine', 'm1'), undefined)
  t.is((await create({ origin: `https://${api.host}` }, 'm1')).status, 201)
  // Every other method that writes, and signing out.
  for (const [method, path] of [
    ['PUT', `${base}/machines/m1`],
    ['PATCH', `${base}/machines/m1`],
    ['DELETE', `${base}/machines/m1`],
    ['DELETE', `${base}/machines`],
    ['POST', '/auth/logout'],
    ['POST', '/auth/login-links'],
  ] as const)
    t.is((await api.ask(path, { method, headers: { cookie, origin: 'https://evil.example' }, body: {} })).status, 403, `${method} ${path}`)
  t.truthy(api.resources.get('Machine', 'm1'))
  // A bearer token is not sent by browsers on their own.
  t.is((await api.ask(`${base}/machines`, { method: 'POST', token: api.adminToken, body: manifest('Machine', 'm2', {}) })).status, 201)
})

test('F-37: signing in from the page of another site is refused', async (t) => {
  const api = await startApi(t)
  const code = api.auth.createLoginCode({ name: 'root' })
  const answer = await api.ask('/auth/login', { method: 'POST', body: { code }, headers: { origin: 'https://evil.example' } })
  t.is(answer.status, 403)
})

test('F-37: GET never writes', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'nothing', {}))
  const before = api.store.currentResourceVersion()
  for (const route of api.api.routes.filter((one) => one.method === 'GET'))
    await api.ask(
      route.url
        .replace(':name', 'nothing')
        .replace(/:file\(.*/, 'a.svg')
        .replace('*', 'x'),
      { token: api.adminToken },
    )
  t.is(api.store.currentResourceVersion(), before)
})

test('signing out ends the session and clears the cookie', async (t) => {
  const api = await startApi(t)
  const cookie = await signIn(api)
  const answer = await api.ask('/auth/logout', { method: 'POST', headers: { cookie, origin: `https://${api.host}` } })
  t.regex(String(answer.headers['set-cookie']), /Max-Age=0/)
  t.is((await api.ask('/auth/whoami', { headers: { cookie } })).status, 401)
})

test('an admin makes a login link for somebody else, an operator does not', async (t) => {
  const api = await startApi(t)
  const made = await api.ask('/auth/login-links', { method: 'POST', token: api.adminToken, body: { user: 'user1' } })
  t.is(made.status, 201)
  const { path } = made.json() as { path: string }
  t.regex(path, /^\/#code=[A-Za-z0-9_-]{32}$/)
  const answer = await api.ask('/auth/login', { method: 'POST', body: { code: path.split('=')[1] } })
  t.is(answer.json().user, 'user1')
  t.is((await api.ask('/auth/login-links', { method: 'POST', token: await api.tokenFor('operator'), body: {} })).status, 403)
})

test('failed sign-ins from one address are limited, and valid tokens still pass', async (t) => {
  const api = await startApi(t)
  const answers: number[] = []
  for (let attempt = 0; attempt < 40; attempt++)
    answers.push((await api.ask('/auth/login', { method: 'POST', body: { code: `wrong-${attempt}` } })).status)
  t.is(answers[0], 401)
  t.is(answers.at(-1), 429)
  // A code is not even looked at now: guessing goes no faster for knowing one that is right.
  t.is((await api.ask('/auth/login', { method: 'POST', body: { code: api.auth.createLoginCode({ name: 'root' }) } })).status, 429)
  const limited = await api.ask('/auth/whoami', { token: 'mla_wrong' })
  t.is(limited.status, 429)
  t.truthy(limited.headers['retry-after'])
  t.is((await api.ask('/auth/whoami', { token: api.adminToken })).status, 200)
})
