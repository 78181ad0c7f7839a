import test from 'ava'
import { systemClock } from '#shared/clock/clock.ts'
import { startRounds } from '#shared/flow/rounds.ts'
import { until } from '#test/helpers/until.ts'

test('rounds follow each other, also after one that failed, and never overlap', async (t) => {
  let [rounds, running, most] = [0, 0, 0]
  const errors: unknown[] = []
  const { stop } = startRounds(
    { clock: systemClock, everyMs: 1 },
    async () => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      if (++rounds === 2) throw new Error('once')
    },
    (error) => errors.push(error),
  )
  await until('five rounds', () => rounds >= 5)
  await stop()
  t.is(most, 1)
  t.is(errors.length, 1)
})

test('a stop waits for the round that runs, and no other follows', async (t) => {
  const delays: number[] = []
  let due = (): void => undefined
  let cancelled = 0
  const clock = {
    ...systemClock,
    setTimer(delayMs: number, run: () => void) {
      delays.push(delayMs)
      due = run
      return { cancel: () => void cancelled++ }
    },
  }
  const gate = Promise.withResolvers<void>()
  const { stop } = startRounds(
    { clock, everyMs: 20, firstMs: 10 },
    () => gate.promise,
    (error) => t.fail(String(error)),
  )
  due()
  let isStopped = false
  const stopping = stop().then(() => (isStopped = true))
  await new Promise(setImmediate)
  t.false(isStopped)
  gate.resolve()
  await stopping
  t.deepEqual(delays, [10])
  t.is(cancelled, 1)
})
