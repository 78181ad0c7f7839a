// One deadline over all steps of a dial, by the monotonic clock and the caller's signal.
import type { Clock } from '#shared/clock/clock.ts'

/**
 * Runs `step` with a signal that is aborted by the caller's or by the deadline. What does not look at the signal is left behind: its
 * outcome counts no more.
 * @throws the reason of whichever came first
 */
export async function within<T>(
  { clock, timeoutMs, signal }: { clock: Clock; timeoutMs: number; signal?: AbortSignal },
  late: () => Error,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const ending = new AbortController()
  const onAbort = () => ending.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = clock.setTimer(timeoutMs, () => ending.abort(late()))
  const ended = Promise.withResolvers<never>()
  ending.signal.addEventListener('abort', () => ended.reject(ending.signal.reason as Error), { once: true })
  try {
    return await Promise.race([step(ending.signal), ended.promise])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}
