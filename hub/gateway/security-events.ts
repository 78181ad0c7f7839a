// Keeps one noisy agent from filling the audit log: of each agent and kind, a few at once and then one every ten seconds, which
// says how many were left out.
import type { Clock } from '#shared/clock/clock.ts'
import type { SecurityEvent } from './types.ts'

const burst = 20
const refillMs = 10_000
/** Strangers have no id, so that the keys are bounded by the agents there are; this bounds it in any case. */
const maxKeys = 50_000

export function limitSecurityEvents(clock: Clock, report: (event: SecurityEvent) => void): (event: SecurityEvent) => void {
  const buckets = new Map<string, { tokens: number; at: number; omitted: number }>()
  return (event) => {
    const key = `${event.kind} ${event.agentId}`
    const now = clock.monotonicMs()
    const bucket = buckets.get(key) ?? { tokens: burst, at: now, omitted: 0 }
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs)
    bucket.at = now
    // Moved to the end: the keys at the start are those that have been quiet longest.
    buckets.delete(key)
    buckets.set(key, bucket)
    if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value ?? '')
    if (bucket.tokens < 1) {
      bucket.omitted += 1
      return
    }
    bucket.tokens -= 1
    const message = bucket.omitted === 0 ? event.message : `${event.message} (and ${bucket.omitted} like it before)`
    bucket.omitted = 0
    report({ ...event, message })
  }
}
