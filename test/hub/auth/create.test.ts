import test from 'ava'
import type { AccessToken } from '#shared/contract/access.ts'
import { until } from '#test/helpers/until.ts'
import { manifest, startAuth } from './fixture.ts'

test('a token is good until its expiry by the clock of the hub, and not after', async (t) => {
  const { auth, resources, clock } = await startAuth(t)
  const made = await resources.create<AccessToken>(
    'AccessToken',
    manifest('AccessToken', 'a', { user: 'ann', groups: ['ops'], ttlSeconds: 60 }),
  )
  const token = made.status?.token as string
  t.like(auth.authenticateBearer(token), { name: 'ann', groups: ['ops', 'system:authenticated'], via: 'bearer', tokenName: 'a' })
  clock.advance(59_999)
  t.truthy(auth.authenticateBearer(token))
  clock.advance(1)
  t.is(auth.authenticateBearer(token), undefined)
})

test('a token ends at once when its object is deleted', async (t) => {
  const { auth, resources } = await startAuth(t)
  const made = await resources.create<AccessToken>('AccessToken', manifest('AccessToken', 'a', { user: 'ann' }))
  const token = made.status?.token as string
  await resources.delete('AccessToken', 'a')
  t.is(auth.authenticateBearer(token), undefined)
  // The same name again is another token.
  await resources.create('AccessToken', manifest('AccessToken', 'a', { user: 'bob' }))
  t.is(auth.authenticateBearer(token), undefined)
})

test('what is no token is refused', async (t) => {
  const { auth, resources } = await startAuth(t)
  const made = await resources.create<AccessToken>('AccessToken', manifest('AccessToken', 'a', { user: 'ann' }))
  const token = made.status?.token as string
  const stored = resources.get<AccessToken>('AccessToken', 'a')
  t.is(stored?.status?.token, undefined)
  for (const wrong of [
    '',
    'a',
    `${token}x`,
    token.slice(0, -1),
    token.toUpperCase(),
    stored?.status?.tokenHash as string,
    'x'.repeat(100_000),
  ])
    t.is(auth.authenticateBearer(wrong), undefined)
})

test('a login code works once, within ten minutes', async (t) => {
  const { auth, clock } = await startAuth(t)
  const first = auth.createLoginCode({ name: 'ann', groups: ['ops'] })
  t.true(Buffer.from(first, 'base64url').length >= 16)
  t.deepEqual(auth.redeemLoginCode(first), { name: 'ann', groups: ['ops'] })
  t.is(auth.redeemLoginCode(first), undefined)
  const second = auth.createLoginCode({ name: 'ann' })
  clock.advance(10 * 60 * 1000)
  t.is(auth.redeemLoginCode(second), undefined)
  t.is(auth.redeemLoginCode('x'), undefined)
})

test('a session lasts twelve hours, or as long as the token it was opened with', async (t) => {
  const { auth, resources, clock } = await startAuth(t)
  const long = await auth.createSession({ name: 'ann', groups: [] })
  t.is(long.maxAgeSeconds, 12 * 3600)
  const made = await resources.create<AccessToken>('AccessToken', manifest('AccessToken', 'a', { user: 'bob', ttlSeconds: 3600 }))
  const bob = auth.authenticateBearer(made.status?.token as string)
  if (!bob) return t.fail()
  const short = await auth.createSession(bob)
  t.is(short.maxAgeSeconds, 3600)
  t.is(auth.authenticateSession(short.cookie)?.name, 'bob')
  clock.advance(3600 * 1000)
  t.is(auth.authenticateSession(short.cookie), undefined)
  t.is(auth.authenticateSession(long.cookie)?.name, 'ann')
})

test('expired sessions are removed after a while, others stay', async (t) => {
  const { auth, resources, clock } = await startAuth(t)
  await auth.createSession({ name: 'ann', groups: [] })
  await resources.create('AccessToken', manifest('AccessToken', 'robot', { user: 'robot', ttlSeconds: 60 }))
  clock.advance(14 * 3600 * 1000)
  await until('the session to be removed', () => resources.list('AccessToken').items.length === 1)
  t.truthy(resources.get('AccessToken', 'robot'))
})

test('roles come from bindings of the user and of its groups, and go with them', async (t) => {
  const { auth, resources } = await startAuth(t)
  const user = { name: 'ann', groups: ['ops'], via: 'bearer', tokenName: 'a' } as const
  const may = (verb: 'get' | 'create', kind: string) => auth.authorize(user, { verb, kind }).allowed
  t.false(may('get', 'Machine'))
  await resources.create('AccessBinding', manifest('AccessBinding', 'v', { role: 'viewer', subjects: [{ kind: 'User', name: 'ann' }] }))
  t.true(may('get', 'Machine'))
  t.false(may('create', 'Machine'))
  t.false(may('get', 'AccessToken'))
  await resources.create('AccessBinding', manifest('AccessBinding', 'o', { role: 'operator', subjects: [{ kind: 'Group', name: 'ops' }] }))
  t.true(may('create', 'Machine'))
  t.deepEqual([...auth.rolesOf(user)].sort(), ['operator', 'viewer'])
  await resources.delete('AccessBinding', 'o')
  t.false(may('create', 'Machine'))
  const { reason } = auth.authorize(user, { verb: 'create', kind: 'Machine' })
  t.regex(reason, /ann may not create Machine.*operator or admin/)
})
