// A limit on one step of a connection, by the monotonic clock and by the caller's signal.
import { AgentError } from '#shared/errors/agent-error.ts'
import type { Clock } from '#shared/clock/clock.ts'

export interface Limits {
  clock: Clock
  timeoutMs: number
  signal?: AbortSignal
}

/**
 * Runs `start(resolve, reject)`; whichever comes first of its outcome, the limit and the signal decides. `undo` runs when it did not succeed.
 * @throws AgentError DialTimeout, or the signal's reason
 */
export function timed<T>(
  what: string,
  { clock, timeoutMs, signal }: Limits,
  undo: () => void,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (act: () => void) => {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    const fail = (error: Error) =>
      settle(() => {
        undo()
        reject(error)
      })
    const onAbort = () => fail(signal?.reason as Error)
    const timer = clock.setTimer(timeoutMs, () => fail(new AgentError('DialTimeout', `${what} took more than ${timeoutMs} ms`)))
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    start((value) => settle(() => resolve(value)), fail)
  })
}
