// One carrier at one distance, measured in a process of its own, which is the hub's end: NAME TARGET-PORT DELAY-MS. Answers its
// parent with one message of figures.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { cpuSeconds, memoryOf } from '../process-use.ts'
import { type Carrier, startLine, type StartCarrier } from './carrier.ts'
import { startOurs } from './ours.ts'
import { startSplice } from './splice.ts'
import { startSsh } from './ssh.ts'
import { startWebSocket } from './websocket.ts'

const carriers = { ours: startOurs, splice: startSplice, ssh: startSsh, websocket: startWebSocket } satisfies Record<string, StartCarrier>
export type CarrierName = keyof typeof carriers

export interface Figures {
  /** MiB/s by number of streams. */
  down: Record<number, number>
  up: Record<number, number>
  idlePingMs: number[]
  loadedPingMs: number[]
  openMs: number[]
  cpuSecondsPerGiB: number
  /** KiB for each of a thousand idle streams; only near. */
  idleKiB?: { hub: number; agent: number }
}

const mebibyte = 1024 * 1024
const seconds = 3
const block = Buffer.alloc(256 * 1024)

function tolerant(stream: Duplex): Duplex {
  stream.on('error', () => {
    // Streams are broken off when enough was seen.
  })
  return stream
}

async function begin(carrier: Carrier, kind: 'D' | 'U' | 'E', tunnelClass: 'interactive' | 'bulk'): Promise<Duplex> {
  const stream = tolerant(await carrier.open(tunnelClass))
  stream.write(kind)
  return stream
}

/** Runs `during` while `count` streams bring as much as they can; resolves with MiB/s of its time. */
async function down(carrier: Carrier, count: number, during: () => Promise<void>): Promise<number> {
  let bytes = 0
  const streams = await Promise.all(Array.from({ length: count }, () => begin(carrier, 'D', 'bulk')))
  for (const stream of streams) stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
  // Windows, slow start and compilers settle.
  await delay(700)
  const before = bytes
  const startMs = performance.now()
  await during()
  const rate = (bytes - before) / mebibyte / ((performance.now() - startMs) / 1000)
  for (const stream of streams) stream.destroy()
  await delay(200)
  return rate
}

async function up(carrier: Carrier, count: number): Promise<number> {
  const endMs = performance.now() + seconds * 1000
  const results = await Promise.all(
    Array.from({ length: count }, async () => {
      const stream = await begin(carrier, 'U', 'bulk')
      let answer = ''
      stream.on('data', (chunk: Buffer) => (answer += chunk.toString()))
      while (performance.now() < endMs) if (!stream.write(block)) await once(stream, 'drain')
      stream.end()
      await once(stream, 'end')
      return JSON.parse(answer) as { bytes: number; tookMs: number }
    }),
  )
  const longestMs = Math.max(...results.map(({ tookMs }) => tookMs))
  return results.reduce((sum, { bytes }) => sum + bytes, 0) / mebibyte / (longestMs / 1000)
}

async function pings(carrier: Carrier): Promise<number[]> {
  const stream = await begin(carrier, 'E', 'interactive')
  await once(stream, 'data')
  const all: number[] = []
  const endMs = performance.now() + seconds * 1000
  while (performance.now() < endMs) {
    const startMs = performance.now()
    stream.write('p')
    await once(stream, 'data')
    all.push(performance.now() - startMs)
  }
  stream.destroy()
  return all
}

/** Until the service's first byte is back: carriers differ in what they answer before. */
async function opens(carrier: Carrier): Promise<number[]> {
  const all: number[] = []
  const endMs = performance.now() + seconds * 1000
  while (performance.now() < endMs) {
    const startMs = performance.now()
    const stream = await begin(carrier, 'E', 'interactive')
    await once(stream, 'data')
    all.push(performance.now() - startMs)
    stream.destroy()
  }
  return all
}

async function idleKiB(carrier: Carrier): Promise<{ hub: number; agent: number }> {
  const count = 1000
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const now = (): { hub: number; agent: number } => {
    collect()
    const { hub, agent } = carrier.ends()
    return { hub: memoryOf(hub).anonymousMiB, agent: memoryOf(agent).anonymousMiB }
  }
  const before = now()
  const streams: Duplex[] = []
  for (let group = 0; group < count; group += 50) {
    streams.push(...(await Promise.all(Array.from({ length: 50 }, () => begin(carrier, 'E', 'interactive')))))
  }
  await Promise.all(streams.map((stream) => once(stream, 'data')))
  await delay(500)
  const after = now()
  for (const stream of streams) stream.destroy()
  const kib = (end: 'hub' | 'agent'): number => ((after[end] - before[end]) * 1024) / count
  return { hub: kib('hub'), agent: kib('agent') }
}

async function measure(name: CarrierName, targetPort: number, delayMs: number): Promise<Figures> {
  const { line, close } = await startLine(delayMs)
  const carrier = await carriers[name]({ targetPort, line })
  try {
    const idle = delayMs === 0 ? await idleKiB(carrier) : undefined
    const openMs = await opens(carrier)
    const idlePingMs = await pings(carrier)
    const cpu = (): number => [process.pid, ...carrier.pids()].reduce((sum, pid) => sum + cpuSeconds(pid), 0)
    let used = 0
    const one = await down(carrier, 1, async () => {
      const before = cpu()
      await delay(seconds * 1000)
      used = cpu() - before
    })
    let loadedPingMs: number[] = []
    const eight = await down(carrier, 8, async () => {
      loadedPingMs = await pings(carrier)
    })
    return {
      down: { 1: one, 8: eight },
      up: { 1: await up(carrier, 1), 8: await up(carrier, 8) },
      idlePingMs,
      loadedPingMs,
      openMs,
      cpuSecondsPerGiB: used / ((one * seconds) / 1024),
      ...(idle ? { idleKiB: idle } : {}),
    }
  } finally {
    await carrier.close()
    await close()
  }
}

const [name = '', targetPort = '', delayMs = ''] = process.argv.slice(2)
const figures = await measure(name as CarrierName, Number(targetPort), Number(delayMs))
process.send?.(figures, () => process.exit())
