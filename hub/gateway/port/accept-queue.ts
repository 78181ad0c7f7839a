// Lets agent handshakes begin at a steady rate. A mutual-TLS connect costs milliseconds of CPU in this process: ten thousand
// agents that come back together would otherwise stop the API for half a minute. How many a second this machine can do is not known
// beforehand: when the event loop does not come round in time the rate falls, and rises again when it does.
import type { Clock, Timer } from '#shared/clock/clock.ts'

export interface AcceptQueueOptions {
  clock: Clock
  /** At most; a quarter of it at least. */
  perSecond: number
}

export interface AcceptQueue<T> {
  /** False when the wait would be longer than an agent's patience: reset the socket, so that it backs off. */
  add(item: T): boolean
  remove(item: T): void
  waiting(): number
  close(): void
}

const tickMs = 10
/** An agent gives up a handshake after 10 s: one that began later than this would most likely end with nobody there. */
const maxWaitMs = 6_000
/** Of a tick. A request to the API takes five or six rounds of the event loop, and each may be as late. */
const tooLateMs = 25

/** `turnAway` is for who was admitted and has waited too long, because this process does not get on at the rate. */
export function createAcceptQueue<T>(
  { clock, perSecond }: AcceptQueueOptions,
  begin: (item: T) => void,
  turnAway: (item: T) => void,
): AcceptQueue<T> {
  /** Item → when it came, in the order of arrival. */
  const queue = new Map<T, number>()
  // Idle time must not save up a burst: one tick's worth, and the fraction that the tick before left, without which the rate would sink to
  // whole ones a tick.
  const capacity = 1 + (perSecond * tickMs) / 1000
  let tokens = capacity
  let filledAt = clock.monotonicMs()
  let timer: Timer | undefined
  let dueAt = 0
  let rate = perSecond

  const refill = (): void => {
    const now = clock.monotonicMs()
    tokens = Math.min(capacity, tokens + ((now - filledAt) * rate) / 1000)
    filledAt = now
  }
  const tick = (): void => {
    dueAt = filledAt + tickMs
    timer = clock.setTimer(tickMs, drain)
  }
  const drain = (): void => {
    timer = undefined
    refill()
    rate = filledAt - dueAt > tooLateMs ? Math.max(perSecond / 4, rate * 0.8) : Math.min(perSecond, rate + perSecond / 100)
    for (const [item, cameAt] of queue) {
      // Two ticks more than `add` promised: turns come at ticks, and whoever was admitted must not lose its place to that.
      const isTooLate = filledAt - cameAt > maxWaitMs + 2 * tickMs
      if (!isTooLate && tokens < 1) break
      queue.delete(item)
      if (isTooLate) {
        turnAway(item)
        continue
      }
      tokens -= 1
      begin(item)
    }
    if (queue.size > 0) tick()
  }

  return {
    add(item) {
      refill()
      if (queue.size === 0 && tokens >= 1) {
        tokens -= 1
        begin(item)
        return true
      }
      if (queue.size >= (rate * maxWaitMs) / 1000) return false
      queue.set(item, filledAt)
      if (timer === undefined) tick()
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
