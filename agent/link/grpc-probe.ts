// Judges the procedures plane by itself: a health check through its real path every five minutes, soon again after one that failed,
// and whenever asked.
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'

export const probeIntervalMs = 5 * 60_000
const failedBackoff = { baseMs: 5_000, maxMs: 60_000 }
/** A fleet that has lost its hub must not spend the hub's first minutes on this. */
const hublessBackoff = { baseMs: 5_000, maxMs: probeIntervalMs }
/** A fleet that has come back together does not probe together. */
const hubIsBackSpreadMs = 5_000

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
  const now = async () => {
    const state = await check()
    if (isStopped) return
    failures = state.ok ? 0 : failures + 1
    onState(state)
  }
  const schedule = (delayMs: number) => {
    timer?.cancel()
    if (isStopped) return
    timer = clock.setTimer(
      delayMs,
      () => {
        timer = undefined
        void now().then(() => {
          // Asked for anew meanwhile: that one goes on.
          if (timer) return
          const backoff = isHubThere() ? failedBackoff : hublessBackoff
          schedule(failures === 0 ? probeIntervalMs * (0.75 + random() / 2) : fullJitterMs(failures - 1, random(), backoff))
        })
      },
      true,
    )
  }
  return {
    now,
    /** The first probe comes within a minute, spread over the fleet. */
    start: () => schedule(60_000 * random()),
    /** The hub answers again: what was said of this plane while it did not is old. */
    hubIsBack() {
      if (failures === 0) return
      onUnknown()
      schedule(hubIsBackSpreadMs * random())
    },
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
