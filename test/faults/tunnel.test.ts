// The tunnel at the size of its promises: a hundred thousand streams, and thousands that are broken off while they are full.
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { startService, startTunnelFleet } from '#test/tunnel/fixture.ts'
import { until } from '#test/helpers/until.ts'
import type { TunnelStream } from '#shared/tunnel/stream.ts'

const request = { user: 'me', target: 'it' } as const
const tolerant = (stream: TunnelStream): TunnelStream =>
  stream.on('error', () => {
    // Broken off on purpose; 'close' follows.
  })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

test.serial('a hundred thousand streams, ended and broken off in every order, leave neither handles nor memory', async (t) => {
  t.timeout(600_000)
  const fleet = await startTunnelFleet(t)
  const service = await startService(t, (socket) => {
    socket.on('data', (chunk) => (chunk[0] === 0x72 ? socket.resetAndDestroy() : socket.write(chunk)))
    socket.on('end', () => socket.end())
  })
  const member = await fleet.member({ targets: { it: service.port } })
  const endings = ['complete', 'break', 'cancel', 'target breaks', 'end then cancel', 'at once'] as const
  const one = async (ending: (typeof endings)[number]): Promise<void> => {
    const stream = tolerant(await fleet.tunnels.open(member.agentId, { ...request, class: 'interactive' }))
    const closed = new Promise((resolve) => stream.once('close', resolve))
    if (ending === 'at once') stream.destroy()
    else if (ending === 'target breaks') stream.resume().write('r')
    else if (ending === 'complete') stream.resume().end('x')
    else {
      stream.write('x')
      await once(stream, 'data')
      if (ending === 'end then cancel') stream.end()
      stream.destroy(ending === 'break' ? new Error('enough') : undefined)
    }
    await closed
  }
  const round = async (count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let index = 0; index < count / 50; index++) await one(endings[index % endings.length] ?? 'complete')
      }),
    )
    await until('no stream to be left', () => fleet.tunnels.stats().streams === 0 && member.server.stats().streams === 0)
    await until('no connection to be left', () => service.open() === 0)
  }
  await round(5_000)
  const handles = process.getActiveResourcesInfo().length
  const before = heapBytes()
  for (let part = 0; part < 10; part++) {
    await round(9_500)
    t.log(`${5_000 + (part + 1) * 9_500} streams, ${Math.round((heapBytes() - before) / 1024)} KiB more than after 5,000`)
  }
  t.like(fleet.tunnels.stats(), { opened: 100_000, dials: 1, lost: 0, unreadBytes: 0 })
  t.true(process.getActiveResourcesInfo().length <= handles + 5)
  // 50 bytes a stream: anything kept for each would be more.
  t.true(heapBytes() - before < 95_000 * 50)
})

test.serial('downloads that are broken off while they are full, four thousand of them, leave the connection to the others', async (t) => {
  t.timeout(600_000)
  const fleet = await startTunnelFleet(t)
  const block = Buffer.alloc(65_536)
  const source = await startService(t, (socket) => {
    const go = (): void => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on('drain', go)
    go()
  })
  const quiet = await startService(t, (socket) => socket.on('data', (chunk) => socket.write(chunk)))
  const member = await fleet.member({ targets: { it: source.port, quiet: quiet.port } })
  const other = await fleet.tunnels.open(member.agentId, { user: 'me', target: 'quiet', class: 'bulk' })
  for (let round = 0; round < 20; round++) {
    const streams = await Promise.all(
      Array.from({ length: 200 }, async () => tolerant(await fleet.tunnels.open(member.agentId, { ...request, class: 'bulk' }))),
    )
    // The agent has as much waiting for each as it may only when the hub's windows are full.
    let last = -1
    await until('the streams to be full', () => last === (last = fleet.tunnels.stats().unreadBytes) && last > 200 * 65_536)
    for (const stream of streams) stream.destroy()
    await until('them to be gone', () => fleet.tunnels.stats().streams === 1 && member.server.stats().streams === 1)
  }
  other.write('x')
  t.is(String((await once(other, 'data'))[0]), 'x')
  other.destroy()
  t.like(fleet.tunnels.stats(), { dials: 1, lost: 0 })
})
