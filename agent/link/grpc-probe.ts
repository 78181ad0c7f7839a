// Judges the procedures plane by itself: a health check through its real path every five minutes, soon again after one that failed,
// and whenever asked. The connection it opens closes again when idle.
import type { Procedures } from '#agent/link/grpc.ts'
import { probeProcedures } from '#agent/link/grpc-health.ts'
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'

export const probeIntervalMs = 5 * 60_000
const probeTimeoutMs = 15_000
const failedBackoff = { baseMs: 5_000, maxMs: 60_000 }
/** A fleet that has come back together does not probe together. */
const hubIsBackSpreadMs = 5_000

interface ProbeOptions {
  procedures: Procedures
  clock: Clock
  random: () => number
  onState(state: PlaneState): void
  /** What was said last is not known to be so any more. */
  onUnknown(): void
}

export function createGrpcProbe({ procedures, clock, random, onState, onUnknown }: ProbeOptions) {
  let timer: Timer | undefined
  let isStopped = false
  let failures = 0
  const now = async () => {
    const state = await probeProcedures(procedures, clock, probeTimeoutMs)
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
          schedule(failures === 0 ? probeIntervalMs * (0.75 + random() / 2) : fullJitterMs(failures - 1, random(), failedBackoff))
        })
      },
      true,
    )
  }
  return {
    now,
    /** The first probe comes within a minute, spread over the fleet. */
    start: () => schedule(60_000 * random()),
    /** The hub answers again: what was said of this plane while it did not is old, and so is the channel's own back-off. */
    hubIsBack() {
      if (failures === 0) return
      onUnknown()
      procedures.reset()
      schedule(hubIsBackSpreadMs * random())
    },
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
