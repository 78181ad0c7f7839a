import test from 'ava'
import fc from 'fast-check'
import type { Clock } from '#shared/clock/clock.ts'
import { createAcceptQueue } from '#hub/gateway/port/accept-queue.ts'

/** A clock that stands still until it is told to go on. */
function manualClock(): Clock & { advance(ms: number): void; stall(ms: number): void } {
  let now = 0
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    now: () => new Date(now),
    monotonicMs: () => now,
    setTimer(delayMs, run) {
      const timer = { at: now + delayMs, run }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    /** Time goes on, no timer runs: what is due runs late. */
    stall(ms) {
      now += ms
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const next = [...timers].filter((timer) => timer.at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = end
    },
  }
}

/** A queue of numbers, the clock it goes by, and the numbers that have begun. */
function start(perSecond: number, turnAway: (item: number) => void) {
  const clock = manualClock()
  const begun: number[] = []
  const queue = createAcceptQueue<number>({ clock, perSecond }, (item) => begun.push(item), turnAway)
  return { clock, begun, queue }
}

test('a lone agent does not wait', (t) => {
  const { begun, queue } = start(400, () => t.fail())
  t.true(queue.add(1))
  t.deepEqual(begun, [1])
})

test('a stampede begins at the rate, in order, however it arrives', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 1000 }),
      fc.array(fc.tuple(fc.nat(150), fc.nat(30)), { maxLength: 40 }),
      (perSecond, arrivals) => {
        const clock = manualClock()
        const begun: { item: number; at: number }[] = []
        const queue = createAcceptQueue<number>(
          { clock, perSecond },
          (item) => begun.push({ item, at: clock.monotonicMs() }),
          () => t.fail(),
        )
        let item = 0
        const admitted: number[] = []
        for (const [count, pauseMs] of arrivals) {
          for (let index = 0; index < count; index += 1) {
            item += 1
            if (queue.add(item)) admitted.push(item)
          }
          clock.advance(pauseMs)
        }
        clock.advance(120_000)
        t.deepEqual(
          begun.map((entry) => entry.item),
          admitted,
        )
        t.is(queue.waiting(), 0)
        begun.forEach((entry, index) => {
          const first = begun[index - 100]
          // 100 of them take at least the time of 100 at the rate, less one tick's worth that was saved up.
          if (first !== undefined) t.true(entry.at - first.at >= ((100 - perSecond / 100 - 2) * 1000) / perSecond)
        })
      },
    ),
    { numRuns: 100 },
  )
})

test('whoever would wait longer than its patience is turned away, and whoever left does not take a turn', (t) => {
  const { clock, begun, queue } = start(100, () => t.fail())
  const admitted = Array.from({ length: 2000 }, (_, item) => item).filter((item) => queue.add(item))
  t.is(admitted.length, 602)
  for (let item = 1; item < 500; item += 1) queue.remove(item)
  clock.advance(1100)
  t.is(begun.length, 104)
  queue.close()
})

test('when the process does not get on at the rate, whoever waited too long is turned away instead of being served when it has left', (t) => {
  const turnedAway: number[] = []
  const { clock, begun, queue } = start(100, (item) => turnedAway.push(item))
  for (let item = 0; item < 300; item += 1) queue.add(item)
  // The process stood still: no timer ran.
  clock.stall(7_000)
  t.true(queue.add(300))
  clock.advance(20)
  t.deepEqual(
    turnedAway,
    Array.from({ length: 298 }, (_, index) => index + 2),
  )
  t.deepEqual(begun, [0, 1, 300])
  t.is(queue.waiting(), 0)
})

test('when the event loop is late the rate falls to a quarter, and rises again when it is in time', (t) => {
  const { clock, begun, queue } = start(100, () => undefined)
  let item = 0
  /** Keeps the queue full for this long, with ticks that come `lateMs` late. */
  const inOneSecond = (lateMs: number): number => {
    const before = begun.length
    for (let ms = 0; ms < 1000; ms += 10 + lateMs) {
      for (let count = 0; count < 20; count += 1) queue.add((item += 1))
      clock.stall(lateMs)
      clock.advance(10)
    }
    return begun.length - before
  }
  inOneSecond(0)
  t.true(Math.abs(inOneSecond(0) - 100) <= 2)
  inOneSecond(40)
  const late = inOneSecond(40)
  t.true(late >= 20 && late <= 30, `${late} in a second`)
  inOneSecond(0)
  inOneSecond(0)
  t.true(Math.abs(inOneSecond(0) - 100) <= 2)
  queue.close()
})
