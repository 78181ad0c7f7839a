// F-32, F-33 on the tunnel's port: an agent that has been taken over speaks HTTP/2 as nobody should, or not at all. The hub, which is
// the client there, holds no more than it promises, and the streams of others go on.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test, { type ExecutionContext } from 'ava'
import { dialTunnel } from '#agent/link/tunnel-dial.ts'
import type { Identity } from '#agent/link/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { until } from '#test/helpers/until.ts'
import { echo } from '#test/helpers/tcp.ts'
import { startService, startTunnelFleet, type TunnelFleet } from '#test/tunnel/fixture.ts'
import { frame, frameFlag, frameType, headerBlock } from './http2-frames.ts'

const mebibyte = 1024 * 1024
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heldMiB(): number {
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return (heapUsed + external + arrayBuffers) / mebibyte
}

/** What an agent does with its connection instead of serving it. */
type Evil = (socket: TLSSocket, onStream: (run: (streamId: number) => void) => void) => void

async function startEvil(t: ExecutionContext, fleet: TunnelFleet, evil: Evil): Promise<string> {
  let identity: Identity | undefined
  const member = await fleet.member({
    targets: { it: 1 },
    server: {
      async dial(tunnelClass, signal) {
        const hub = { host: '127.0.0.1', port: fleet.port }
        const socket = await dialTunnel(tunnelClass, { identity: identity as Identity, hub, clock: systemClock, signal })
        socket.on('error', () => socket.destroy())
        t.teardown(() => void socket.destroy())
        const runs: ((streamId: number) => void)[] = []
        let rest: Buffer = Buffer.alloc(0)
        let isPrefaceRead = false
        socket.on('data', (chunk: Buffer) => {
          rest = Buffer.concat([rest, chunk])
          if (!isPrefaceRead && rest.length >= 24) {
            rest = rest.subarray(24)
            isPrefaceRead = true
          }
          while (isPrefaceRead && rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
            if (rest[3] === frameType.headers) for (const run of runs) run(rest.readUInt32BE(5))
            rest = rest.subarray(9 + rest.readUIntBE(0, 3))
          }
        })
        evil(socket, (run) => runs.push(run))
        // It is never handed to the agent's own server.
        return new Promise<TLSSocket>(() => {})
      },
    },
  })
  const { chainPem: cert, keyPem: key } = member.identity
  identity = { cert, key, fleetCa: fleet.pki.fleetCaPem, pins: fleet.pki.pins } as unknown as Identity
  return member.agentId
}

const settings = frame(frameType.settings, 0, 0)
const accepted = (streamId: number) => frame(frameType.headers, frameFlag.endHeaders, streamId, Buffer.from([0x88]))

async function pump(socket: TLSSocket, bytes: Buffer, times: number): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (let index = 0; index < times && !socket.destroyed; index++)
    if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'opened',
    (error: unknown) => (error instanceof TunnelError ? error.code : String(error)),
  )

test.serial(
  'F-32: an agent that sends a stream in single bytes which nobody reads loses that stream, not the hub its memory',
  async (t) => {
    const fleet = await startTunnelFleet(t)
    const one = (streamId: number) =>
      Buffer.concat(Array.from({ length: 5000 }, () => frame(frameType.data, 0, streamId, Buffer.from('a'))))
    const agentId = await startEvil(t, fleet, (socket, onStream) => {
      socket.write(settings)
      onStream((streamId) => {
        socket.write(accepted(streamId))
        void pump(socket, one(streamId), 20)
      })
    })
    const service = await startService(t, echo)
    const honest = await fleet.member({ targets: { it: service.port } })
    const before = heldMiB()
    const stream = await fleet.tunnels.open(agentId, { target: 'it', class: 'bulk', user: 'me' })
    const closed = once(stream, 'close').catch((error: unknown) => error)
    // Nobody reads it: a user who has stopped a log, and has gone to lunch.
    t.true((await closed) instanceof Error)
    t.true(heldMiB() - before < 24, `${heldMiB() - before} MiB`)
    const other = await fleet.tunnels.open(honest.agentId, { target: 'it', class: 'bulk', user: 'me' })
    other.write('x')
    t.is(String((await once(other, 'data'))[0]), 'x')
    other.destroy()
  },
)

test.serial('F-32: floods of CONTINUATION, PING and SETTINGS end the connection of the agent that sends them', async (t) => {
  const fleet = await startTunnelFleet(t)
  const block = headerBlock(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y'.repeat(100)] as const))
  const floods: Record<string, (streamId: number) => [Buffer, Buffer]> = {
    CONTINUATION: (streamId) => [
      frame(frameType.headers, 0, streamId, Buffer.from([0x88])),
      frame(frameType.continuation, 0, streamId, block),
    ],
    PING: () => [Buffer.alloc(0), Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))))],
    SETTINGS: () => [Buffer.alloc(0), Buffer.concat(Array.from({ length: 500 }, () => settings))],
    'frames of no stream': () => [
      Buffer.alloc(0),
      Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.data, 0, 9999, Buffer.from('a')))),
    ],
  }
  for (const [what, flood] of Object.entries(floods)) {
    let socket: TLSSocket | undefined
    const agentId = await startEvil(t, fleet, (made, onStream) => {
      socket = made
      made.write(settings)
      onStream((streamId) => {
        const [first, more] = flood(streamId)
        made.write(first)
        // It does not read the answers, so that they would pile up in the hub.
        made.pause()
        void pump(made, more, 2000)
      })
    })
    const before = heldMiB()
    const opened = codeOf(fleet.tunnels.open(agentId, { target: 'it', class: 'interactive', user: 'me', timeoutMs: 5_000 }))
    t.not(await opened, 'opened', what)
    t.true(heldMiB() - before < 48, `${what}: ${heldMiB() - before} MiB`)
    socket?.destroy()
    await until(`the connection to be forgotten (${what})`, () => fleet.tunnels.stats().streams === 0)
  }
})

test.serial(
  'F-33: who dials and then says nothing, or byte by byte, costs a timeout; a hub with a hundred of them serves others',
  async (t) => {
    t.timeout(90_000)
    const fleet = await startTunnelFleet(t)
    const service = await startService(t, echo)
    const honest = await fleet.member({ targets: { it: service.port } })
    const silent = await startEvil(t, fleet, () => undefined)
    const slow = Array.from({ length: 50 }, () => {
      const socket = connectTcp(fleet.port, '127.0.0.1')
      socket.on('error', () => socket.destroy())
      // The first bytes of a ClientHello, one after the other.
      const hello = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])
      let at = 0
      const drip = setInterval(() => socket.writable && socket.write(hello.subarray(at % hello.length, (at++ % hello.length) + 1)), 250)
      const closed = once(socket, 'close').then(() => clearInterval(drip))
      return { closed }
    })
    // The tunnel's name, the handshake begun, and no certificate ever.
    const halfway = Array.from({ length: 50 }, () => {
      const socket = connectTcp(fleet.port, '127.0.0.1')
      socket.on('error', () => socket.destroy())
      const tls = connectTls({ socket, servername: serverNames.tunnel, rejectUnauthorized: false })
      tls.on('error', () => tls.destroy())
      tls.pause()
      return { closed: once(socket, 'close') }
    })
    const startMs = performance.now()
    const opening = codeOf(fleet.tunnels.open(silent, { target: 'it', class: 'interactive', user: 'me', timeoutMs: 4_000 }))
    const stream = await fleet.tunnels.open(honest.agentId, { target: 'it', class: 'interactive', user: 'me' })
    stream.on('error', (error) => t.log(`the honest stream: ${error.message}`))
    stream.write('x')
    t.is(String((await once(stream, 'data'))[0]), 'x')
    t.is(await opening, 'Timeout')
    await Promise.all(slow.map(({ closed }) => closed))
    t.true(performance.now() - startMs < 20_000)
    await Promise.all(halfway.map(({ closed }) => closed))
    t.true(performance.now() - startMs < 40_000)
    // One that was let in and never answered a ping.
    await until('the silent one to be dropped', () => fleet.tunnels.stats().sessions.interactive === 1, { timeoutMs: 40_000 })
    stream.write('y')
    t.is(String((await once(stream, 'data'))[0]), 'y')
    stream.destroy()
  },
)
