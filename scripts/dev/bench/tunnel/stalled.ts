// F-51: what two hundred stalled readers cost a healthy stream beside them. A process of its own, which is the hub's end: TARGET-PORT.
// Each message of its parent is answered with one turn: with and without the stalled ones by turns, so that what else the machine
// does falls on both.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { TunnelStream } from '#shared/tunnel/stream.ts'
import { pollUntil } from '#scripts/dev/poll.ts'
import type { Carrier } from './carrier.ts'
import { startOurs } from './ours.ts'

/** Rates of the healthy stream in MiB/s. */
export interface StalledTurn {
  alone: number
  beside: number
  stalledStreams: number
  /** Of all stalled streams together, when they take no more. */
  unreadBytes: number
}

const stalledStreams = 200
const measuredMs = 1_000
const mebibyte = 1024 * 1024

/** A bulk stream that the service fills as fast as it is read, or with a mebibyte: more than a stalled stream takes. */
async function openFilled(carrier: Carrier, command: 'D' | 'M'): Promise<TunnelStream> {
  const stream = (await carrier.open('bulk')) as TunnelStream
  stream.on('error', () => {
    // Broken off on purpose; 'close' follows.
  })
  stream.write(command)
  return stream
}

async function turn(carrier: Carrier, rate: () => Promise<number>): Promise<StalledTurn> {
  const alone = await rate()
  // Not a flood: two hundred of those leave a gibibyte in the kernel's socket buffers, which slows every connection down.
  const streams = await Promise.all(Array.from({ length: stalledStreams }, () => openFilled(carrier, 'M')))
  const unread = (): number => streams.reduce((sum, stream) => sum + stream.unreadBytes, 0)
  let unreadBytes = 0
  let still = 0
  await pollUntil('the stalled streams to be full', 30_000, () => {
    const now = unread()
    still = now === unreadBytes && now > mebibyte ? still + 1 : 0
    unreadBytes = now
    return still >= 3
  })
  const beside = await rate()
  for (const stream of streams) stream.destroy()
  await Promise.all(streams.filter((stream) => !stream.closed).map((stream) => once(stream, 'close')))
  return { alone, beside, stalledStreams, unreadBytes }
}

const carrier = await startOurs({ targetPort: Number(process.argv[2]), line: async (port) => port })
const healthy = await openFilled(carrier, 'D')
let bytes = 0
healthy.on('data', (chunk: Buffer) => (bytes += chunk.length))
const rate = async (): Promise<number> => {
  const [before, startMs] = [bytes, performance.now()]
  await delay(measuredMs)
  return (bytes - before) / mebibyte / ((performance.now() - startMs) / 1000)
}
// Buffers and compilers settle.
await rate()
process.on('message', () => void turn(carrier, rate).then((measured) => process.send?.(measured)))
process.once('disconnect', () => void carrier.close().then(() => process.exit()))
process.send?.('ready')
