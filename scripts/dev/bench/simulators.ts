// Simulator processes as one fleet.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { pollUntil } from '#scripts/dev/poll.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'

export interface FleetOptions {
  hub: { host: string; port: number }
  pins: readonly string[]
  tokens: readonly string[]
  count: number
  processes: number
  /** Is told every ten seconds how many are enrolled and up, while that still changes. */
  progress(message: string): void
}

export interface Fleet {
  whenEnrolled: Promise<void>
  up(): number
  whenUp(count: number, limitMs: number): Promise<void>
  /** Resolves when at least one agent has noticed that the hub is gone. */
  whenDipped(): Promise<void>
  roundTrip(): { p50Ms: number; p99Ms: number }
  stop(): Promise<void>
}

interface Stats {
  event: 'enrolled' | 'stats'
  count?: number
  up?: number
  phases?: Record<string, number>
  roundTripP50Ms?: number
  roundTripP99Ms?: number
  lastError?: string
  /** The longest that its event loop did not turn since the last report. */
  stallMs?: number
}

export async function startFleet({ hub, pins, tokens, count, processes, progress }: FleetOptions): Promise<Fleet> {
  const latest: Stats[] = []
  const enrolled: number[] = []
  const shares = Array.from({ length: processes }, (_, index) => Math.floor(count / processes) + (index < count % processes ? 1 : 0))
  const children = shares.map((share, index) => {
    const child = spawn(process.execPath, ['--max-old-space-size=6144', 'scripts/dev/simulator/main.ts'], {
      cwd: repositoryRoot,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.end(`${JSON.stringify({ hub, pins, prefix: `sim-${index}`, count: share, tokens })}\n`)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Stats
      if (message.event === 'enrolled') enrolled[index] = message.count ?? 0
      else latest[index] = message
    })
    return child
  })
  const assertRunning = () => {
    for (const child of children) if (child.exitCode !== null) throw new Error(`a simulator ended with ${child.exitCode}`)
  }
  const up = () => latest.reduce((sum, stats) => sum + (stats?.up ?? 0), 0)
  const stallMs = () => Math.max(...latest.map((stats) => stats?.stallMs ?? 0))
  let told = ''
  const teller = setInterval(() => {
    const enrolledCount = enrolled.reduce((sum, share) => sum + share, 0)
    const state = enrolledCount < count ? `${enrolledCount} of ${count} enrolled` : `${up()} of ${count} up`
    if (state !== told) progress(stallMs() > 1_000 ? `${state}; a simulator stood still for ${stallMs()} ms` : state)
    told = state
  }, 10_000)
  return {
    whenEnrolled: pollUntil('all simulated agents to be enrolled', 900_000, () => {
      assertRunning()
      return shares.every((share, index) => enrolled[index] === share)
    }).then(() => undefined),
    up,
    async whenUp(wanted, limitMs) {
      await pollUntil(`${wanted} agents to be up`, limitMs, () => {
        assertRunning()
        if (up() >= wanted) return true
        throw new Error(`${up()} are up; ${JSON.stringify(latest)}`)
      })
    },
    async whenDipped() {
      await pollUntil('an agent to notice', 60_000, () => up() < count)
    },
    roundTrip: () => ({
      p50Ms: Math.max(...latest.map((stats) => stats.roundTripP50Ms ?? 0)),
      p99Ms: Math.max(...latest.map((stats) => stats.roundTripP99Ms ?? 0)),
    }),
    async stop() {
      clearInterval(teller)
      await Promise.all(
        children.map(
          (child) =>
            new Promise<void>((resolve) => {
              if (child.exitCode !== null || child.signalCode !== null) return resolve()
              child.once('close', () => resolve())
              child.kill('SIGKILL')
            }),
        ),
      )
    },
  }
}
