// Guessing a join token is limited per address, in bounded memory. A token bucket: `burst` failures at once, then one each `refillMs`.
import type { Clock } from '#shared/clock/clock.ts'

export interface FailureLimiter {
  isBlocked(address: string): boolean
  failed(address: string): void
}

export function createFailureLimiter(
  clock: Clock,
  { burst = 10, refillMs = 6_000, maxAddresses = 10_000 }: { burst?: number; refillMs?: number; maxAddresses?: number } = {},
): FailureLimiter {
  const buckets = new Map<string, { used: number; atMs: number }>()
  function current(address: string): { used: number; atMs: number } {
    const nowMs = clock.monotonicMs()
    const bucket = buckets.get(address) ?? { used: 0, atMs: nowMs }
    const used = Math.max(0, bucket.used - (nowMs - bucket.atMs) / refillMs)
    return { used, atMs: nowMs }
  }
  return {
    isBlocked: (address) => current(address).used >= burst - 1e-9,
    failed(address) {
      const next = current(address)
      next.used += 1
      // Re-inserting keeps the map in order of last failure, so that the oldest is the one forgotten.
      buckets.delete(address)
      buckets.set(address, next)
      if (buckets.size > maxAddresses) buckets.delete(buckets.keys().next().value as string)
    },
  }
}
