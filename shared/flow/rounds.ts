// Something that is done again and again: the next round is due a while after the one before has ended, however it ended.
import type { Clock, Timer } from '#shared/clock/clock.ts'

export interface RoundsOptions {
  clock: Clock
  everyMs: number
  /** Until the first one. Default: everyMs. */
  firstMs?: number
}

export interface Rounds {
  /** No further round; resolves when the one that runs has ended. */
  stop(): Promise<void>
}

/** Does not keep the process alive. */
export function startRounds(
  { clock, everyMs, firstMs = everyMs }: RoundsOptions,
  round: () => Promise<void>,
  onError: (error: unknown) => void,
): Rounds {
  let isStopped = false
  let running: Promise<void> | undefined
  let timer: Timer
  const schedule = (delayMs: number): void => {
    timer = clock.setTimer(delayMs, run, true)
  }
  const run = (): void => {
    running = round()
      .catch(onError)
      .finally(() => {
        if (!isStopped) schedule(everyMs)
      })
  }
  schedule(firstMs)
  return {
    async stop() {
      isStopped = true
      timer.cancel()
      await running
    },
  }
}
