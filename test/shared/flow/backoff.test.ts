import test from 'ava'
import fc from 'fast-check'
import { fullJitterMs, reconnectBackoff } from '#shared/flow/backoff.ts'

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const options = fc
  .record({ baseMs: fc.integer({ min: 1, max: 10_000 }), factor: fc.integer({ min: 1, max: 1_000 }) })
  .map(({ baseMs, factor }) => ({ baseMs, maxMs: baseMs * factor }))

test('a delay is a whole number of milliseconds from 0 up to, not including, the ceiling of its attempt', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 100_000 }), unit, options, (attempt, random, { baseMs, maxMs }) => {
      const delay = fullJitterMs(attempt, random, { baseMs, maxMs })
      t.true(Number.isInteger(delay) && delay >= 0)
      t.true(delay < Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 60)))
    }),
  )
})

test('the whole range is used: a fleet does not come back in step', (t) => {
  const ceiling = 64_000
  const delays = Array.from({ length: 1_000 }, (_, index) => fullJitterMs(6, index / 1_000, { baseMs: 1_000, maxMs: ceiling }))
  for (let part = 0; part < 10; part++) {
    const inPart = delays.filter((delay) => delay >= (part * ceiling) / 10 && delay < ((part + 1) * ceiling) / 10)
    t.is(inPart.length, 100)
  }
})

test('the ceiling doubles from 1 s and stays at 60 s', (t) => {
  const almostOne = 1 - 2 ** -40
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((attempt) => fullJitterMs(attempt, almostOne) + 1)
  t.deepEqual(ceilings, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
  t.is(reconnectBackoff.maxMs, 60_000)
})
