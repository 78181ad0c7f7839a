// A keyed queue for controllers: a key that is added while it waits is kept once, one that is added while it runs runs again
// afterwards. Failures are retried with full jitter. The queue is memory only: a controller adds every key at start.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'

export interface WorkQueueOptions {
  name: string
  concurrency: number
  clock: Clock
  random: () => number
  log: Log
  /** Brings the object of this key to its wanted state; may return when to look again. */
  reconcile(key: string): Promise<{ againInMs?: number } | void>
}

export interface WorkQueue {
  add(key: string): void
  addAfter(key: string, delayMs: number): void
  /** Resolves when what runs has ended; nothing new starts. */
  stop(): Promise<void>
  depth(): number
}

/** Thousands of keys that have nothing to wait for, as at the start, would otherwise be one task of the event loop. */
const startsPerTurn = 16

export function createWorkQueue({ name, concurrency, clock, random, log, reconcile }: WorkQueueOptions): WorkQueue {
  const waiting = new Set<string>()
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const failures = new Map<string, number>()
  const timers = new Map<string, { timer: Timer; atMs: number }>()
  let isStopped = false
  let startsInTurn = 0
  let nextTurn: NodeJS.Immediate | undefined

  function addAfter(key: string, delayMs: number): void {
    if (isStopped) return
    const atMs = clock.monotonicMs() + delayMs
    const existing = timers.get(key)
    if (existing && existing.atMs <= atMs) return
    existing?.timer.cancel()
    const timer = clock.setTimer(
      // setTimeout's limit is 2^31-1 ms; a later look is taken then and finds out how much is left
      Math.min(delayMs, 2_000_000_000),
      () => {
        timers.delete(key)
        add(key)
      },
      true,
    )
    timers.set(key, { timer, atMs })
  }

  function add(key: string): void {
    if (isStopped) return
    if (running.has(key)) again.add(key)
    else waiting.add(key)
    fill()
  }

  async function runOne(key: string): Promise<void> {
    try {
      const next = await reconcile(key)
      failures.delete(key)
      if (next?.againInMs !== undefined) addAfter(key, next.againInMs)
    } catch (error) {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      log.warn({ controller: name, key, err: error, failures: count + 1 }, 'could not bring an object to its wanted state; trying again')
      addAfter(key, 50 + fullJitterMs(count, random(), { baseMs: 200, maxMs: 30_000 }))
    }
  }

  function fill(): void {
    while (!isStopped && running.size < concurrency && startsInTurn < startsPerTurn) {
      const next = waiting.values().next()
      if (next.done) return
      const key = next.value
      waiting.delete(key)
      startsInTurn++
      nextTurn ??= setImmediate(() => {
        nextTurn = undefined
        startsInTurn = 0
        fill()
      })
      running.set(
        key,
        runOne(key).finally(() => {
          running.delete(key)
          if (again.delete(key)) waiting.add(key)
          fill()
        }),
      )
    }
  }

  return {
    add,
    addAfter,
    depth: () => waiting.size + running.size,
    async stop() {
      isStopped = true
      for (const { timer } of timers.values()) timer.cancel()
      timers.clear()
      await Promise.all(running.values())
    },
  }
}
