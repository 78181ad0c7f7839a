import test from 'ava'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { createWorkQueue } from '#hub/controllers/runtime/work-queue.ts'
import { until } from '#test/helpers/until.ts'

const base = { name: 'q', concurrency: 2, clock: systemClock, random: () => 0, log: silentLog }

test('a key added while it runs runs once more, however often it was added', async (t) => {
  let runs = 0
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const queue = createWorkQueue({
    ...base,
    async reconcile() {
      runs++
      if (runs === 1) await gate
    },
  })
  queue.add('k')
  queue.add('k')
  queue.add('k')
  release()
  await until('the queue to be empty', () => queue.depth() === 0)
  t.is(runs, 2)
  await queue.stop()
})

test('a key never runs twice at once and others are not held up by it', async (t) => {
  const active = new Map<string, number>()
  let worst = 0
  const queue = createWorkQueue({
    ...base,
    concurrency: 8,
    async reconcile(key) {
      active.set(key, (active.get(key) ?? 0) + 1)
      worst = Math.max(worst, active.get(key) as number)
      await Promise.resolve()
      active.set(key, (active.get(key) as number) - 1)
    },
  })
  for (let round = 0; round < 100; round++) queue.add(`k${round % 5}`)
  await until('the queue to be empty', () => queue.depth() === 0)
  t.is(worst, 1)
  await queue.stop()
})

test('a failure is tried again and a stop waits for what runs', async (t) => {
  let runs = 0
  const queue = createWorkQueue({
    ...base,
    async reconcile() {
      runs++
      if (runs < 3) throw new Error('not yet')
    },
  })
  queue.add('k')
  await until('the third run', () => runs === 3)
  await queue.stop()
  queue.add('k')
  t.is(queue.depth(), 0)
})

test('many keys that have nothing to wait for leave the event loop to others in between', async (t) => {
  let runs = 0
  const queue = createWorkQueue({ ...base, concurrency: 8, reconcile: async () => void runs++ })
  const seen: number[] = []
  const look = (): void => {
    seen.push(runs)
    if (queue.depth() > 0) setImmediate(look)
  }
  for (let key = 0; key < 1000; key++) queue.add(`k${key}`)
  look()
  await until('the queue to be empty', () => queue.depth() === 0)
  t.is(runs, 1000)
  const steps = seen.map((count, index) => count - (seen[index - 1] ?? 0))
  t.true(Math.max(...steps) <= 32, String(Math.max(...steps)))
  await queue.stop()
})
