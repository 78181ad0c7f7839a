// What this process remembers of its attempts to send, per task. Only for pacing: losing it costs a message that the agent recognises.
import { fullJitterMs } from '#shared/flow/backoff.ts'

export interface SendMemory {
  failures: number
  /** Monotonic; nothing is sent before it. */
  nextAtMs: number
  /** Attempt whose cancel the agent has in its journal. */
  canceledAttempt?: number
  /** Why the last one did not lead anywhere. */
  problem?: { reason: string; message: string }
}

const backoff = { baseMs: 1_000, maxMs: 30_000 }
/** Not at once again, even when the jitter says 0. */
const leastMs = 100

export function createAttempts(random: () => number) {
  const byUid = new Map<string, SendMemory>()
  return {
    all: (): ReadonlyMap<string, SendMemory> => byUid,
    failed(uid: string, problem: { reason: string; message: string }, monotonicMs: number): void {
      const old = byUid.get(uid)
      const failures = (old?.failures ?? 0) + 1
      byUid.set(uid, { ...old, failures, problem, nextAtMs: monotonicMs + leastMs + fullJitterMs(failures - 1, random(), backoff) })
    },
    canceled(uid: string, attempt: number): void {
      byUid.set(uid, { failures: 0, nextAtMs: 0, canceledAttempt: attempt })
    },
    /** The agent is back: nobody waits for a back-off that was about its absence. */
    wake(uids: Iterable<string>): void {
      for (const uid of uids) {
        const old = byUid.get(uid)
        if (old) byUid.set(uid, { ...old, failures: 0, nextAtMs: 0 })
      }
    },
    forget: (uid: string) => void byUid.delete(uid),
  }
}
export type Attempts = ReturnType<typeof createAttempts>
