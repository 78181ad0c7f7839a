// Time as an argument. Wall time is for showing; anything that waits or times out uses the monotonic side.
export interface Timer {
  cancel(): void
}
export interface Clock {
  now(): Date
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number
  /** One-shot; does not keep the process alive when `isBackground`. */
  setTimer(delayMs: number, run: () => void, isBackground?: boolean): Timer
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, run, isBackground = false) {
    const handle = setTimeout(run, delayMs)
    if (isBackground) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
export function waitFor(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
