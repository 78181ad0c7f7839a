// The tunnel at the size of its promises: a hundred thousand streams, two hundred stalled readers.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { startService, startTunnelFleet, type TunnelFleet } from '#test/integration/tunnel/fixture.ts'
import { until } from '#test/helpers/until.ts'
import type { TunnelStream } from '#shared/tunnel/stream.ts'

const mebibyte = 1024 * 1024
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

function flood(socket: Socket): void {
  const block = Buffer.alloc(65_536)
  const go = (): void => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('drain', go)
  go()
}

async function transferMs(fleet: TunnelFleet, agentId: string): Promise<number> {
  const stream = tolerant(await fleet.tunnels.open(agentId, { ...request, class: 'bulk' }))
  const startMs = performance.now()
  let bytes = 0
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
  while (bytes < 48 * mebibyte) await once(stream, 'data')
  stream.destroy()
  return performance.now() - startMs
}

test.serial(
  'beside two hundred stalled readers a healthy stream keeps nine tenths of its rate; they hold 2 MiB each at most',
  async (t) => {
    t.timeout(300_000)
    const fleet = await startTunnelFleet(t)
    const source = await startService(t, flood)
    const member = await fleet.member({ targets: { it: source.port } })
    const best = async (): Promise<number> => {
      const all: number[] = []
      for (let round = 0; round < 8; round++) all.push(await transferMs(fleet, member.agentId))
      return Math.min(...all)
    }
    await best()
    const alone = await best()
    const stalled = await Promise.all(
      Array.from({ length: 200 }, async () => tolerant(await fleet.tunnels.open(member.agentId, { ...request, class: 'bulk' }))),
    )
    let last = -1
    await until('the stalled streams to be full', () => last === (last = fleet.tunnels.stats().unreadBytes) && last > mebibyte, {
      intervalMs: 500,
    })
    t.true(last <= 64 * mebibyte + 200 * 65_536, `${last} bytes are unread`)
    const beside = await best()
    t.log({ alone, beside, unreadMiB: last / mebibyte })
    t.true(alone / beside >= 0.9, `alone ${alone} ms, beside them ${beside} ms`)
    for (const stream of stalled) stream.destroy()
  },
)
