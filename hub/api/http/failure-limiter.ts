// Counts failed sign-ins per address in a window. Memory is bounded: the address that was seen longest ago is forgotten first.
import { isIP } from 'node:net'
import type { Clock } from '#shared/clock/clock.ts'
import { ApiError } from '#shared/errors/api-error.ts'

export interface FailureLimiter {
  /** Counts one; throws 429 when this address has failed too often. */
  fail(address: string): void
  /** Throws 429 before anything is tried. */
  check(address: string): void
}

const maxAddresses = 10_000

export function createFailureLimiter(clock: Clock, { failures = 30, windowMs = 60_000 } = {}): FailureLimiter {
  const byAddress = new Map<string, { count: number; endsAtMs: number }>()

  function entryOf(address: string): { count: number; endsAtMs: number } {
    const key = callerKey(address)
    const now = clock.monotonicMs()
    const known = byAddress.get(key)
    byAddress.delete(key)
    const entry = known && known.endsAtMs > now ? known : { count: 0, endsAtMs: now + windowMs }
    byAddress.set(key, entry)
    if (byAddress.size > maxAddresses) byAddress.delete(byAddress.keys().next().value as string)
    return entry
  }

  function refuse(entry: { endsAtMs: number }): never {
    const retryAfterSeconds = Math.max(1, Math.ceil((entry.endsAtMs - clock.monotonicMs()) / 1000))
    throw new ApiError('TooManyRequests', `too many failed sign-ins from this address; try again in ${retryAfterSeconds} s`, {
      retryAfterSeconds,
    })
  }

  return {
    fail(address) {
      const entry = entryOf(address)
      if (++entry.count > failures) refuse(entry)
    },
    check(address) {
      const entry = entryOf(address)
      if (entry.count >= failures) refuse(entry)
    },
  }
}

/** What counts as one caller: an IPv4 address, or the /64 that one IPv6 host can choose from. */
export function callerKey(address: string): string {
  return isIP(address) === 6 && !address.startsWith('::ffff:') ? address.split(':').slice(0, 4).join(':') : address
}
