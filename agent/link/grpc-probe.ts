// Judges the procedures plane by itself: a health check through its real path every five minutes, soon again after one that failed
// while the hub is there, and whenever asked. A handshake for this must not compete with those that a fleet comes back with.
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'

export const probeIntervalMs = 5 * 60_000
const failedBackoff = { baseMs: 5_000, maxMs: 60_000 }
/** The first probe comes within this, and so does the first one after the hub was away: a fleet does not probe together. */
const spreadMs = 60_000

interface ProbeOptions {
  /** Never rejects. */
  check(): Promise<PlaneState>
  clock: Clock
  random: () => number
  onState(state: PlaneState): void
  /** Whether the control plane is up. */
  isHubThere(): boolean
  /** What was said last is not known to be so any more. */
  onUnknown(): void
}

export function createGrpcProbe({ check, clock, random, isHubThere, onState, onUnknown }: ProbeOptions) {
  let timer: Timer | undefined
  let isStopped = false
  let failures = 0
  const unhurriedMs = () => probeIntervalMs * (0.75 + random() / 2)
  const now = async () => {
    const state = await check()
    if (isStopped) return
    failures = state.ok ? 0 : failures + 1
    onState(state)
  }
  const schedule = (delayMs: number) => {
    timer?.cancel()
    if (isStopped) return
    const wasHubThere = isHubThere()
    const run = () => {
      timer = undefined
      // The control plane was lost meanwhile, and most likely the hub: a probe now would tell nothing more.
      if (wasHubThere && !isHubThere()) return schedule(unhurriedMs())
      void now().then(() => {
        // Asked for anew meanwhile: that one goes on.
        if (timer) return
        schedule(failures === 0 || !isHubThere() ? unhurriedMs() : fullJitterMs(failures - 1, random(), failedBackoff))
      })
    }
    timer = clock.setTimer(delayMs, run, true)
  }
  return {
    now,
    start: () => schedule(spreadMs * random()),
    /** The hub answers again: what was said of this plane while it did not is old. */
    hubIsBack() {
      if (failures === 0) return
      onUnknown()
      schedule(spreadMs * random())
    },
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
