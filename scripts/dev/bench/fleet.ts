// A fleet on one hub: simulated agents that speak the real protocol through the one port. How long until all are up, what they
// cost while they only beat, and how long until all are back after hub and NATS server were killed. The limits beside the
// figures are the project's budgets for two cores.
import { execFileSync } from 'node:child_process'
import { createJoinToken } from '#scripts/dev/start/agent.ts'
import { type BenchHub, startBenchHub } from './hub.ts'
import { cpuSeconds, memoryOf, openDescriptors } from './process-use.ts'
import { type BenchRow, type BenchSuite, quantile, row } from './row.ts'
import { type Fleet, startFleet } from './simulators.ts'

const steadySeconds = 40
/** Each agent probes the procedures plane within a minute of its start: handshakes that are not the steady state. */
const firstProbesSeconds = 60
const limitSeconds = 600

/** MOORLINE_BENCH_AGENTS=500,2000 measures other sizes. */
function sizes(): number[] {
  const asked = process.env.MOORLINE_BENCH_AGENTS?.split(',').map(Number)
  return asked?.every((count) => count >= 1) ? asked : [2_000, largestFleet()]
}

/** Two descriptors per agent in the hub, and one in a simulator; the rest is for those that are coming back meanwhile. */
function largestFleet(): number {
  const descriptors = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()) || 1024
  return Math.min(10_000, Math.floor((descriptors - 2_000) / 2 / 500) * 500)
}

export const suite: BenchSuite = async (progress) => {
  const rows: BenchRow[] = []
  for (const count of sizes()) rows.push(...(await measure(count, progress)))
  return rows
}

async function measure(count: number, progress: (message: string) => void): Promise<BenchRow[]> {
  const hub = await startBenchHub()
  let fleet: Fleet | undefined
  try {
    const tokens = await Promise.all(
      Array.from({ length: 4 }, () => createJoinToken(hub.running().api, 'fleet-', { uses: 10_000, approval: 'Automatic' })),
    )
    const pins = [...(tokens[0]?.status?.installCommand ?? '').matchAll(/--pin[ =]'?([^\s']+)/g)].map((match) => match[1] as string)
    progress(`${count} agents: enrolling`)
    const enrolStartMs = performance.now()
    fleet = await startFleet({
      hub: { host: '127.0.0.1', port: hub.port },
      pins,
      tokens: tokens.map((token) => token.status?.token as string),
      count,
      processes: 2,
      progress,
    })
    await fleet.whenEnrolled
    const enrolSeconds = (performance.now() - enrolStartMs) / 1000
    const connectStartMs = performance.now()
    await fleet.whenUp(count, limitSeconds * 1000)
    const upSeconds = (performance.now() - connectStartMs) / 1000
    progress(`${count} agents: up after ${upSeconds.toFixed(0)} s; ${steadySeconds} s of heartbeats from the second minute on`)
    await pause(firstProbesSeconds)
    const steady = await useOver(hub, steadySeconds)
    const roundTrip = fleet.roundTrip()
    progress(`${count} agents: kill -9 of hub and NATS server`)
    const killedMs = performance.now()
    const restarted = hub.crashAndRestart().then(() => performance.now() - killedMs)
    const probes = probeWhile(hub, restarted, () => fleet?.up() === count, progress)
    const readyMs = await restarted
    await fleet.whenDipped()
    await fleet.whenUp(count, limitSeconds * 1000)
    const backSeconds = (performance.now() - killedMs) / 1000
    const api = await probes
    const name = `${count} agents`
    return [
      row(`${name}: enrolled`, 'agents/s', count / enrolSeconds, '', null),
      row(`${name}: all connected`, 's', upSeconds, '', null),
      row(`${name}: hub CPU while beating each 10 s`, 'cores', steady.hubCores, 'budget', 0.5),
      row(`${name}: NATS server CPU while beating`, 'cores', steady.natsCores, '', null),
      row(`${name}: hub memory (RSS)`, 'MiB', steady.hubRssMiB, 'budget', 1024),
      row(`${name}: NATS server memory (RSS)`, 'MiB', steady.natsRssMiB, '', null),
      row(`${name}: descriptors of the hub`, 'files', steady.descriptors, '', null),
      row(`${name}: heartbeat round trip p50`, 'ms', roundTrip.p50Ms, '', null),
      row(`${name}: heartbeat round trip p99`, 'ms', roundTrip.p99Ms, '', null),
      row(`${name}: API ready again after kill -9`, 's', readyMs / 1000, 'budget', 5),
      row(`${name}: all back after kill -9 of hub and NATS`, 's', backSeconds, 'budget', 180),
      row(`${name}: API p99 while they come back`, 'ms', quantile(api.times, 0.99), 'budget', 1000),
      row(`${name}: API calls that failed while they come back`, 'calls', api.failed, '', null),
    ]
  } finally {
    await fleet?.stop()
    await hub.stop()
  }
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

async function useOver(hub: BenchHub, seconds: number) {
  const nats = hub.natsPid() as number
  const before = [cpuSeconds(hub.pid()), cpuSeconds(nats), performance.now()] as const
  await pause(seconds)
  const elapsed = (performance.now() - before[2]) / 1000
  return {
    hubCores: (cpuSeconds(hub.pid()) - before[0]) / elapsed,
    natsCores: (cpuSeconds(nats) - before[1]) / elapsed,
    hubRssMiB: memoryOf(hub.pid()).rssMiB,
    natsRssMiB: memoryOf(nats).rssMiB,
    descriptors: openDescriptors(hub.pid()),
  }
}

/** Milliseconds of one small API call after another, each on a connection of its own, from the restart until everybody is back. */
async function probeWhile(hub: BenchHub, restarted: Promise<unknown>, isDone: () => boolean, progress: (message: string) => void) {
  await restarted
  const times: number[] = []
  let failed = 0
  while (!isDone()) {
    const startMs = performance.now()
    await hub
      .running()
      .api.get('/apis/moorline.dev/v1alpha1/machines?limit=1')
      .catch((error: Error) => {
        failed += 1
        progress(`an API call failed: ${error.message}`)
      })
    times.push(performance.now() - startMs)
    await pause(0.1)
  }
  return { times, failed }
}
