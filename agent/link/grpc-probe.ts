// Judges the procedures plane by itself: a health check through its real path every five minutes, and whenever asked. The
// connection it opens closes again when idle.
import type { Procedures } from '#agent/link/grpc.ts'
import { probeProcedures } from '#agent/link/grpc-health.ts'
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'

export const probeIntervalMs = 5 * 60_000
const probeTimeoutMs = 15_000

interface ProbeOptions {
  procedures: Procedures
  clock: Clock
  random: () => number
  onState(state: PlaneState): void
}

export function createGrpcProbe({ procedures, clock, random, onState }: ProbeOptions) {
  let timer: Timer | undefined
  let isStopped = false
  const now = async () => {
    const state = await probeProcedures(procedures, clock, probeTimeoutMs)
    if (!isStopped) onState(state)
  }
  const schedule = (delayMs: number) => {
    timer = clock.setTimer(
      delayMs,
      () => {
        void now().then(() => isStopped || schedule(probeIntervalMs * (0.75 + random() / 2)))
      },
      true,
    )
  }
  return {
    now,
    /** The first probe comes within a minute, spread over the fleet. */
    start: () => schedule(60_000 * random()),
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
