// Clocks for tests of code that waits: real order of events, less waiting.
import type { Clock } from '#shared/clock/clock.ts'
import { systemClock } from '#shared/clock/clock.ts'

/** Monotonic time and timers run `factor` times as fast; wall time is real. */
export function fastClock(factor: number): Clock {
  const startMs = systemClock.monotonicMs()
  return {
    now: systemClock.now,
    monotonicMs: () => startMs + (systemClock.monotonicMs() - startMs) * factor,
    setTimer: (delayMs, run, isBackground) => systemClock.setTimer(delayMs / factor, run, isBackground),
  }
}

/** Wall time is `byMs` off. */
export function shiftedClock(byMs: number): Clock {
  return { ...systemClock, now: () => new Date(Date.now() + byMs) }
}
