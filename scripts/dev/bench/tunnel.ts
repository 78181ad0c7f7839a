// The tunnel beside a TLS connection for each stream (the limit of Node), `ssh -R`, and a multiplexer on WebSocket frames: rates,
// latencies idle and under load, opening, memory and CPU, near and at a round trip of 40 ms; then requests and exec of a kubectl through
// hub, tunnel and agent.
import { once } from 'node:events'
import { hubMemory } from '#shared/contract/memory.ts'
import { type BenchRow, type BenchSuite, median, quantile, row } from './row.ts'
import { clusterRows } from './tunnel/cluster.ts'
import { answerOf, forkWith } from './tunnel/fork.ts'
import { stalledTurns } from './tunnel/stalled-turns.ts'
import type { CarrierName, Figures } from './tunnel/measure.ts'

const peers: Readonly<Record<Exclude<CarrierName, 'ours'>, string>> = {
  splice: 'a TLS connection for each stream, in Node',
  ssh: 'ssh -R (Debian openssh)',
  websocket: 'WebSocket multiplexer',
}
const distances = [
  { where: 'loopback', delayMs: 0 },
  { where: '40 ms', delayMs: 20 },
]
const maxMs = 60_000
const stalledTurnCount = 8

const metrics: readonly { name: string; unit: string; of(figures: Figures): number | undefined }[] = [
  { name: '1 stream down', unit: 'MiB/s', of: ({ down }) => down[1] },
  { name: '8 streams down', unit: 'MiB/s', of: ({ down }) => down[8] },
  { name: '1 stream up', unit: 'MiB/s', of: ({ up }) => up[1] },
  { name: '8 streams up', unit: 'MiB/s', of: ({ up }) => up[8] },
  { name: 'small request p50', unit: 'ms', of: ({ idlePingMs }) => quantile(idlePingMs, 0.5) },
  { name: 'small request p99', unit: 'ms', of: ({ idlePingMs }) => quantile(idlePingMs, 0.99) },
  { name: 'small request beside 8 bulk p50', unit: 'ms', of: ({ loadedPingMs }) => quantile(loadedPingMs, 0.5) },
  { name: 'small request beside 8 bulk p99', unit: 'ms', of: ({ loadedPingMs }) => quantile(loadedPingMs, 0.99) },
  { name: 'open to first byte p50', unit: 'ms', of: ({ openMs }) => quantile(openMs, 0.5) },
  { name: 'open to first byte p99', unit: 'ms', of: ({ openMs }) => quantile(openMs, 0.99) },
  { name: 'CPU of both ends', unit: 's/GiB', of: ({ cpuSecondsPerGiB }) => cpuSecondsPerGiB },
  { name: 'idle stream, hub', unit: 'KiB', of: ({ idleKiB }) => idleKiB?.hub },
  { name: 'idle stream, agent', unit: 'KiB', of: ({ idleKiB }) => idleKiB?.agent },
]

export const suite: BenchSuite = async (progress) => {
  const target = forkWith(hubMemory, 'target.ts')
  try {
    const [{ port }] = (await once(target, 'message')) as [{ port: number }]
    const rows: BenchRow[] = []
    for (const { where, delayMs } of distances) {
      const figures: Partial<Record<CarrierName, Figures>> = {}
      for (const name of ['ours', 'splice', 'ssh', 'websocket'] as const) {
        progress(`${name}, ${where}`)
        figures[name] = await measured(name, port, delayMs)
      }
      for (const metric of metrics) {
        const ours = figures.ours && metric.of(figures.ours)
        if (ours === undefined) continue
        for (const [name, peerName] of Object.entries(peers)) {
          const peer = figures[name as CarrierName]
          rows.push(row(`tunnel, ${where}: ${metric.name}`, metric.unit, ours, peerName, (peer && metric.of(peer)) ?? null))
        }
      }
    }
    progress('a healthy stream beside stalled readers')
    rows.push(await stalledRow(port))
    rows.push(...(await clusterRows(progress)))
    return rows
  } finally {
    target.kill('SIGKILL')
  }
}

async function stalledRow(targetPort: number): Promise<BenchRow> {
  const turns = await stalledTurns(targetPort, ({ length }) => length === stalledTurnCount)
  const name = `tunnel, loopback: 1 stream down beside ${turns[0]?.stalledStreams} stalled readers`
  const [beside, alone] = [median(turns.map((turn) => turn.beside)), median(turns.map((turn) => turn.alone))]
  return row(name, 'MiB/s', beside, 'the same stream without them, by turns', alone)
}

async function measured(name: CarrierName, targetPort: number, delayMs: number): Promise<Figures> {
  const child = forkWith(hubMemory, 'measure.ts', [name, String(targetPort), String(delayMs)])
  const isLate = setTimeout(() => child.kill('SIGKILL'), maxMs)
  try {
    return (await answerOf(child, `the measurement of ${name}`)) as Figures
  } finally {
    clearTimeout(isLate)
  }
}
