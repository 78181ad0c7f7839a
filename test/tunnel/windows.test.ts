import { connect, type Http2Session, performServerHandshake } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { dialTunnel } from '#agent/link/tunnel-dial.ts'
import type { Identity } from '#agent/link/types.ts'
import { createAgentSession } from '#agent/tunnel/session.ts'
import { createHubSession } from '#hub/tunnel/session.ts'
import { startDelayRelay } from '#scripts/dev/delay-relay.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { streamWindowBytes, type TunnelClass, tunnelConnectionWindowBytes } from '#shared/contract/tunnel.ts'
import { silentLog } from '#shared/log/log.ts'
import { startFixture } from '#test/hub/gateway/fixture.ts'
import { until } from '#test/helpers/until.ts'

const mebibyte = 1024 * 1024

/** Both ends of a real tunnel connection, over a line with this delay each way. */
async function ends(t: ExecutionContext, tunnelClass: TunnelClass, delayMs: number): Promise<{ hub: TLSSocket; agent: TLSSocket }> {
  const arrived = Promise.withResolvers<TLSSocket>()
  const fixture = await startFixture({ onTunnelSocket: (socket) => arrived.resolve(socket) })
  t.teardown(() => fixture.close())
  const relay = await startDelayRelay({ port: fixture.port, delayMs })
  t.teardown(() => relay.close())
  const { chainPem, keyPem } = await fixture.agent()
  const identity = { cert: chainPem, key: keyPem, fleetCa: fixture.pki.fleetCaPem, pins: fixture.pki.pins } as unknown as Identity
  const hub = { host: '127.0.0.1', port: relay.port }
  const agent = await dialTunnel(tunnelClass, { identity, hub, clock: systemClock, signal: new AbortController().signal })
  return { agent, hub: await arrived.promise }
}

/** What a plain HTTP/2 peer was told by ours. */
async function told(t: ExecutionContext, peer: Http2Session, windowBytes: number): Promise<void> {
  peer.on('error', () => {
    // The other end goes first when the test is over.
  })
  await until(`a stream window of ${windowBytes}`, () => peer.remoteSettings?.initialWindowSize === windowBytes).catch(() => undefined) // asserted below
  t.is(peer.remoteSettings.initialWindowSize, windowBytes)
  // It has no setting: it is what the peer has announced with WINDOW_UPDATE.
  await until('the connection window', () => (peer.state.remoteWindowSize ?? 0) > mebibyte)
  t.is(peer.state.remoteWindowSize, tunnelConnectionWindowBytes)
}

const cases: [TunnelClass, number, number][] = [
  ['interactive', 0, mebibyte],
  ['interactive', 20, mebibyte],
  ['bulk', 0, mebibyte],
  ['bulk', 20, 16 * mebibyte],
]
for (const [tunnelClass, delayMs, windowBytes] of cases) {
  const where = `${tunnelClass}, ${2 * delayMs} ms: ${windowBytes / mebibyte} MiB a stream`

  test(`the hub announces wide windows to a real peer (${where})`, async (t) => {
    const { agent, hub } = await ends(t, tunnelClass, delayMs)
    const session = createHubSession({
      ...{ socket: hub, tunnelClass, serial: '', ticket: 't', clock: systemClock, idleMs: 60_000 },
      onEnd() {},
    })
    t.teardown(() => session.destroy())
    await told(t, performServerHandshake(agent), windowBytes)
  })

  test(`the agent announces wide windows to a real peer (${where})`, async (t) => {
    const { agent, hub } = await ends(t, tunnelClass, delayMs)
    const session = createAgentSession({
      ...{ socket: agent, tunnelClass, targets: new Map(), clock: systemClock, log: silentLog },
      verify: () => false,
      onEnd() {},
      onRoundTrip() {},
    })
    t.teardown(() => session.destroy())
    await told(t, connect('https://tunnel.internal', { createConnection: () => hub }), windowBytes)
  })
}

test('windows follow the round trip for bulk, and share the unread budget of 64 MiB when streams are many', (t) => {
  t.is(streamWindowBytes('interactive', 1, 200), mebibyte)
  t.deepEqual(
    [0, 5, 6, 11, 21, 40, 500].map((roundTripMs) => streamWindowBytes('bulk', 1, roundTripMs) / mebibyte),
    [1, 1, 2, 4, 8, 8, 16],
  )
  for (const count of [1, 8, 9, 64, 65, 200, 256]) {
    for (const tunnelClass of ['interactive', 'bulk'] as const) {
      t.true(count * streamWindowBytes(tunnelClass, count, 40) <= 64 * mebibyte, `${tunnelClass} × ${count}`)
    }
  }
  t.is(streamWindowBytes('bulk', 1000, 40), 256 * 1024)
})
