// Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): a fleet that lost its hub must not come back in step.

export interface BackoffOptions {
  baseMs: number
  maxMs: number
}
export const reconnectBackoff: BackoffOptions = { baseMs: 1_000, maxMs: 60_000 }

/** Delay before attempt `attempt` (0 is the first retry): uniform in [0, min(max, base·2^attempt)). `random` is in [0, 1). */
export function fullJitterMs(attempt: number, random: number, { baseMs, maxMs }: BackoffOptions = reconnectBackoff): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 32))
  return Math.floor(random * ceiling)
}
