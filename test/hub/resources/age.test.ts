import test from 'ava'
import { ageOf, humanDuration, untilOf } from '#hub/resources/age.ts'

// apimachinery, util/duration, duration_test.go
const cases: [number, string][] = [
  [-2, '<invalid>'],
  [-1, '0s'],
  [1, '1s'],
  [70, '70s'],
  [190, '3m10s'],
  [600, '10m'],
  [2 * 3600 + 47 * 60, '167m'],
  [7 * 3600 + 6 * 60, '7h6m'],
  [8 * 3600 + 60, '8h'],
  [44 * 3600, '44h'],
  [49 * 3600, '2d1h'],
  [5 * 24 * 3600, '5d'],
  [300 * 24 * 3600, '300d'],
  [730 * 24 * 3600, '2y'],
  [735 * 24 * 3600, '2y5d'],
  [3650 * 24 * 3600, '10y'],
]
for (const [seconds, text] of cases) test(`${seconds} s is shown as ${text}`, (t) => t.is(humanDuration(seconds * 1000), text))

test('times that are not known or in the future', (t) => {
  const now = new Date('2030-01-01T00:00:00Z')
  t.is(ageOf(undefined, now), '<unknown>')
  t.is(ageOf('rubbish', now), '<unknown>')
  t.is(untilOf(undefined, now), 'never')
  t.is(untilOf('2030-01-01T00:00:00Z', now), 'expired')
  t.is(untilOf('2030-01-02T00:00:00Z', now), 'in 24h')
})
