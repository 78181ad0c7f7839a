import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { startRelay } from '#test/agent/link/relay.ts'
import { until } from '#test/helpers/until.ts'
import { echo } from '#test/helpers/tcp.ts'
import { readAll, startService, startTunnelFleet } from './fixture.ts'

const request = { user: 'me', class: 'bulk' } as const
const half = Buffer.alloc(100_000, 'h')

test('a target that breaks off in the middle is an error at the hub, never a shorter file', async (t) => {
  const fleet = await startTunnelFleet(t)
  const service = await startService(t, (socket) => {
    // Half of it, a moment for it to arrive, then a reset.
    socket.write(half, () => void turn().then(() => socket.resetAndDestroy()))
  })
  const { agentId } = await fleet.member({ targets: { file: service.port } })
  for (const doesHubEndFirst of [false, true]) {
    const stream = await fleet.tunnels.open(agentId, { ...request, target: 'file' })
    if (doesHubEndFirst) stream.end()
    const error = await t.throwsAsync(readAll(stream), { instanceOf: TunnelError })
    t.is(error.code, 'Reset')
  }
})

test('a hub that breaks off in the middle resets the target’s connection, and does not end it', async (t) => {
  const fleet = await startTunnelFleet(t)
  const seen: string[] = []
  let received = 0
  const service = await startService(t, (socket) => {
    socket.on('data', (chunk) => (received += chunk.length))
    socket.on('end', () => seen.push('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''))
  })
  const { agentId } = await fleet.member({ targets: { file: service.port } })
  for (const error of [new Error('the disk is full'), undefined]) {
    seen.length = 0
    received = 0
    const stream = await fleet.tunnels.open(agentId, { ...request, target: 'file' })
    stream.on('error', () => {
      // The error that it is destroyed with.
    })
    stream.write(half)
    await until('half of it to arrive', () => received === half.length)
    stream.destroy(error)
    await until('the connection to be broken', () => seen.length > 0)
    t.deepEqual(seen, ['ECONNRESET'])
  }
})

test('a connection that is lost in the middle is an error on both sides, in both directions', async (t) => {
  const fleet = await startTunnelFleet(t)
  const relay = await startRelay(t, fleet.port)
  const seen: string[] = []
  let last: Socket | undefined
  const service = await startService(t, (socket) => {
    last = socket
    socket.write(half)
    socket.resume()
    socket.on('end', () => seen.push('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''))
  })
  const member = await fleet.member({ targets: { file: service.port }, through: relay.port })
  for (const endsFirst of ['nobody', 'hub'] as const) {
    seen.length = 0
    const stream = await fleet.tunnels.open(member.agentId, { ...request, target: 'file' })
    stream.write(half)
    if (endsFirst === 'hub') {
      stream.end()
      await until('the end to arrive at the target', () => seen.includes('end'))
    }
    const reading = readAll(stream)
    await until('the target’s half to arrive', () => stream.readableFlowing !== null && (last?.bytesWritten ?? 0) >= half.length)
    relay.cut()
    const error = await t.throwsAsync(reading, { instanceOf: TunnelError })
    t.is(error.code, 'Lost')
    await until('the agent to have given up', () => member.server.stats().streams === 0)
    await until('the target to be told', () => {
      // Past the other end's FIN nothing is read any more: the reset meets the next write.
      if (endsFirst === 'hub') last?.write('x')
      return last?.destroyed
    })
    t.true(['ECONNRESET', 'EPIPE'].includes(seen.at(-1) ?? ''), seen.join())
  }
  t.is(fleet.tunnels.stats().lost, 2)
})

test('after a loss the next open dials again', async (t) => {
  const fleet = await startTunnelFleet(t)
  const relay = await startRelay(t, fleet.port)
  const service = await startService(t, echo)
  const member = await fleet.member({ targets: { echo: service.port }, through: relay.port })
  for (let round = 1; round <= 3; round++) {
    const stream = await fleet.tunnels.open(member.agentId, { ...request, target: 'echo' })
    stream.write('x')
    await once(stream, 'data')
    t.is(fleet.tunnels.stats().dials, round)
    const closed = once(stream, 'close').catch((error: unknown) => error)
    relay.cut()
    t.like(await closed, { code: 'Lost' })
  }
})

test('an agent that stops breaks off what does not finish, and the hub sees no end', async (t) => {
  const fleet = await startTunnelFleet(t)
  const service = await startService(t, (socket) => {
    socket.write(half)
    socket.resume()
  })
  const member = await fleet.member({ targets: { file: service.port } })
  const stream = await fleet.tunnels.open(member.agentId, { ...request, target: 'file' })
  const reading = readAll(stream)
  await member.server.stop()
  await t.throwsAsync(reading, { instanceOf: TunnelError })
  await until('the target to be told', () => service.open() === 0)
})
