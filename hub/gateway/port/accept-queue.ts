// Lets agent handshakes begin at a steady rate. A mutual-TLS connect costs milliseconds of CPU in this process: ten thousand
// agents that come back together would otherwise stop the API for half a minute.
import type { Clock, Timer } from '#shared/clock/clock.ts'

export interface AcceptQueueOptions {
  clock: Clock
  perSecond: number
}

export interface AcceptQueue<T> {
  /** False when the wait would be longer than an agent's patience: close the socket, so that it backs off. */
  add(item: T): boolean
  remove(item: T): void
  waiting(): number
  close(): void
}

const tickMs = 10
/** An agent gives up a connection attempt after 10 s: a place further back would only make a handshake with nobody. */
const maxWaitSeconds = 8

export function createAcceptQueue<T>({ clock, perSecond }: AcceptQueueOptions, begin: (item: T) => void): AcceptQueue<T> {
  const queue = new Set<T>()
  // Idle time must not save up a burst: one tick's worth, and at least one.
  const capacity = Math.max(1, (perSecond * tickMs) / 1000)
  let tokens = capacity
  let filledAt = clock.monotonicMs()
  let timer: Timer | undefined

  const refill = (): void => {
    const now = clock.monotonicMs()
    tokens = Math.min(capacity, tokens + ((now - filledAt) * perSecond) / 1000)
    filledAt = now
  }
  const drain = (): void => {
    timer = undefined
    refill()
    for (const item of queue) {
      if (tokens < 1) break
      tokens -= 1
      queue.delete(item)
      begin(item)
    }
    if (queue.size > 0) timer = clock.setTimer(tickMs, drain)
  }

  return {
    add(item) {
      refill()
      if (queue.size === 0 && tokens >= 1) {
        tokens -= 1
        begin(item)
        return true
      }
      if (queue.size >= perSecond * maxWaitSeconds) return false
      queue.add(item)
      timer ??= clock.setTimer(tickMs, drain)
      return true
    },
    remove: (item) => void queue.delete(item),
    waiting: () => queue.size,
    close() {
      timer?.cancel()
      queue.clear()
    },
  }
}
