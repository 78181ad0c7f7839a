import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { dialTunnel } from '#agent/link/tunnel-dial.ts'
import type { Identity } from '#agent/link/types.ts'
import { createTunnelServer } from '#agent/tunnel/server.ts'
import type { TunnelTarget } from '#agent/tunnel/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { noncePayload, tunnelProtocols } from '#shared/contract/tunnel.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { silentLog } from '#shared/log/log.ts'
import { fastClock } from '#test/agent/link/clocks.ts'
import { startRelay } from '#test/agent/link/relay.ts'
import { echo } from '#test/helpers/tcp.ts'
import { startFixture } from '#test/hub/gateway/fixture.ts'
import { until } from '#test/helpers/until.ts'
import { readAll, startService, startTunnelFleet } from './fixture.ts'

const request = { user: 'me', class: 'interactive', target: 'echo' } as const
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'opened',
    (error: unknown) => (error instanceof TunnelError ? error.code : String(error)),
  )

test('a connection without streams is closed after a while, and one with streams is not', async (t) => {
  const fleet = await startTunnelFleet(t, { idleMs: 300 })
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port } })
  const held = await fleet.tunnels.open(member.agentId, request)
  const bulk = await fleet.tunnels.open(member.agentId, { ...request, class: 'bulk' })
  bulk.resume().end()
  await until('the bulk connection to be closed', () => fleet.tunnels.stats().sessions.bulk === 0)
  await until('the agent to know', () => member.server.stats().sessions.bulk === 0)
  t.like(fleet.tunnels.stats(), { sessions: { interactive: 1, bulk: 0 }, lost: 0 })
  held.end('x')
  t.is((await readAll(held)).bytes, 1)
  await until('the other one, too', () => fleet.tunnels.stats().sessions.interactive === 0)
  t.is(await fleet.tunnels.open(member.agentId, request).then((stream) => (stream.destroy(), 'opened')), 'opened')
})

test('a connection that nobody asked for is refused, and so is a protocol under the wrong name', async (t) => {
  const fleet = await startTunnelFleet(t)
  const { identity } = await fleet.member()
  const dial = async (servername: string, protocols: string[]) => {
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: fleet.port, servername, ca: fleet.pki.fleetCaPem },
      ...{ cert: identity.chainPem, key: identity.keyPem, ALPNProtocols: protocols },
    })
    socket.on('error', () => {
      // 'close' follows.
    })
    socket.resume()
    await once(socket, 'close')
  }
  await dial(serverNames.tunnel, [tunnelProtocols.bulk])
  await dial(serverNames.tunnel, ['h2'])
  await dial(serverNames.tunnel, [])
  await dial(serverNames.grpc, [tunnelProtocols.bulk])
  t.like(fleet.tunnels.stats(), { dials: 0, sessions: { interactive: 0, bulk: 0 } })
  t.is(fleet.recorded.security.filter(({ message }) => /is not served with the protocol/.test(message)).length, 3)
  t.is(fleet.gateway.stats().connections.tunnel, 0)
})

test('revoking an agent ends its streams at once, and the next open is refused', async (t) => {
  const fleet = await startTunnelFleet(t)
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port } })
  const stream = await fleet.tunnels.open(member.agentId, request)
  const closed = once(stream, 'close').catch((error: unknown) => error)
  const startMs = performance.now()
  fleet.denied.add(member.agentId)
  await fleet.gateway.revoke(member.agentId)
  t.like(await closed, { code: 'Lost' })
  t.true(performance.now() - startMs < 5_000)
  await until('the target to be told', () => service.open() === 0)
  t.not(await codeOf(fleet.tunnels.open(member.agentId, { ...request, timeoutMs: 1_000 })), 'opened')
})

test('an identity is asked for on each stream, not only when the connection is made', async (t) => {
  const fleet = await startTunnelFleet(t)
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port } })
  const stream = await fleet.tunnels.open(member.agentId, request)
  stream.on('error', () => {
    // Its connection goes with the identity.
  })
  fleet.denied.add(member.agentId)
  t.is(await codeOf(fleet.tunnels.open(member.agentId, request)), 'IdentityRefused')
  await until('the connection to be closed', () => fleet.tunnels.stats().sessions.interactive === 0)
})

test('who may open what is asked before anything is dialled', async (t) => {
  const asked: object[] = []
  const fleet = await startTunnelFleet(t, {
    authorise: (what) => {
      asked.push(what)
      return { ok: false, reason: 'not you' }
    },
  })
  const member = await fleet.member({ targets: { echo: 1 } })
  const error = await t.throwsAsync(fleet.tunnels.open(member.agentId, request))
  t.like(error, { code: 'NotAllowed', message: 'not you' })
  t.deepEqual(asked, [{ agentId: member.agentId, target: 'echo', class: 'interactive', user: 'me' }])
  t.is(member.asked(), 0)
})

test('only what the policy names is reached, whatever a target looks like', async (t) => {
  const fleet = await startTunnelFleet(t)
  let connections = 0
  const secret = await startService(t, () => (connections += 1))
  const member = await fleet.member({ targets: { echo: (await startService(t, echo)).port } })
  const attempts = [
    ...['169.254.169.254:80', '127.0.0.1:10250', `127.0.0.1:${secret.port}`, `::ffff:127.0.0.1`, '[::1]:80', '0x7f000001', '2130706433'],
    ...[
      'localhost',
      `localhost:${secret.port}`,
      'echo:1',
      'echo.',
      'ECHO',
      ' echo',
      'echo\r\nx: y',
      'echo/..',
      '__proto__',
      'constructor',
      '',
    ],
    ...['toString', 'hasownproperty', 'secret'],
  ]
  for (const target of attempts) {
    t.is(await codeOf(fleet.tunnels.open(member.agentId, { ...request, target })), 'TargetNotAllowed', target)
  }
  t.is(connections, 0)
})

/** The agent's side of a real connection, with a hub at the other end that opens streams as it likes. */
async function rawSession(
  t: ExecutionContext,
  targets: Record<string, TunnelTarget>,
): Promise<(headers: OutgoingHttpHeaders) => Promise<number>> {
  const arrived = Promise.withResolvers<TLSSocket>()
  const fixture = await startFixture({ onTunnelSocket: (socket) => arrived.resolve(socket) })
  t.teardown(() => fixture.close())
  const { chainPem, keyPem } = await fixture.agent()
  const identity = { cert: chainPem, key: keyPem, fleetCa: fixture.pki.fleetCaPem, pins: fixture.pki.pins } as unknown as Identity
  const hub = { host: '127.0.0.1', port: fixture.port }
  const server = createTunnelServer({
    dial: (tunnelClass, signal) => dialTunnel(tunnelClass, { identity, hub, clock: systemClock, signal }),
    ...{ targets, clock: systemClock, log: silentLog },
  })
  t.teardown(() => server.stop())
  server.onNotice({ sessionClass: 'interactive', ticket })
  const socket = await arrived.promise
  const session = connect('https://tunnel.internal', { createConnection: () => socket })
  session.on('error', () => {
    // The agent goes first when the test is over.
  })
  return async (headers) => {
    const stream = session.request({ ':method': 'CONNECT', ...headers }, { endStream: false })
    stream.on('error', () => {
      // A refusal ends in a reset, too.
    })
    const [answer] = (await once(stream, 'response')) as [{ ':status': number }]
    stream.destroy()
    return answer[':status']
  }
}

const ticket = 't'.repeat(43)

test('the agent refuses by itself: streams without the hub’s proof, proofs used again, targets that its policy does not name', async (t) => {
  let opened = 0
  const request = await rawSession(t, {
    echo: async () => {
      opened += 1
      return (stream) => stream.resume()
    },
  })
  const headers = (counter: number, target: string, key = ticket) => ({
    ':authority': target,
    'moorline-user': 'me',
    'moorline-nonce': `${counter}.${createHmac('sha256', key)
      .update(noncePayload(counter, target, 'me'))
      .digest('base64url')}`,
  })
  t.is(await request({ ':authority': 'echo' }), 403)
  t.is(await request({ ...headers(1, 'echo'), 'moorline-user': '%' }), 403)
  t.is(await request(headers(1, 'echo', 'x'.repeat(43))), 403)
  t.is(await request({ ...headers(1, 'other'), ':authority': 'echo' }), 403)
  t.is(opened, 0)
  t.is(await request(headers(2, 'echo')), 200)
  t.is(await request(headers(2, 'echo')), 403)
  t.is(opened, 1)
  let counter = 2
  for (const target of ['__proto__', 'constructor', '127.0.0.1:10250', '169.254.169.254:80', 'ECHO', 'echo:1']) {
    t.is(await request(headers(++counter, target)), 403, target)
  }
  t.is(await request(headers(++counter, 'echo')), 200)
  t.is(opened, 2)
})

test('an agent or hub that is gone without a word is found within 30 s, on both sides', async (t) => {
  const clock = fastClock(5)
  const fleet = await startTunnelFleet(t, { clock })
  const relay = await startRelay(t, fleet.port)
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port }, through: relay.port, server: { clock } })
  const stream = await fleet.tunnels.open(member.agentId, request)
  stream.write('x')
  await once(stream, 'data')
  const closed = once(stream, 'close').catch((error: unknown) => error)
  const startMs = clock.monotonicMs()
  relay.freeze()
  t.like(await closed, { code: 'Lost' })
  await until('the agent to find it', () => member.server.stats().sessions.interactive === 0)
  await until('the target to be told', () => service.open() === 0)
  t.true(clock.monotonicMs() - startMs < 30_000)
  relay.thaw()
  const again = await fleet.tunnels.open(member.agentId, request)
  again.end('y')
  t.is((await readAll(again)).bytes, 1)
})

test('a hub that stops lets streams finish, refuses new ones, and breaks off what takes too long', async (t) => {
  const fleet = await startTunnelFleet(t, { drainMs: 700 })
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port } })
  const short = await fleet.tunnels.open(member.agentId, request)
  const long = await fleet.tunnels.open(member.agentId, { ...request, class: 'bulk' })
  const longEnd = once(long, 'close').catch((error: unknown) => error)
  const drained = fleet.tunnels.drain()
  t.is(await codeOf(fleet.tunnels.open(member.agentId, request)), 'Draining')
  short.end('last words')
  t.is((await readAll(short)).bytes, 'last words'.length)
  const startMs = performance.now()
  await drained
  t.true(performance.now() - startMs < 5_000)
  t.like(await longEnd, { code: 'Lost' })
  t.like(fleet.tunnels.stats(), { streams: 0, sessions: { interactive: 0, bulk: 0 } })
  await until('the agent to have nothing left', () => member.server.stats().streams === 0 && service.open() === 0)
})
