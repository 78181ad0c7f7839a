import test from 'ava'
import { createTurns } from '#shared/flow/turns.ts'

test('turns run one at a time in order, and a failure does not reach the next', async (t) => {
  const turns = createTurns()
  const seen: string[] = []
  const slow = turns.take(async () => {
    await Promise.resolve()
    seen.push('a')
    throw new Error('a failed')
  })
  const next = turns.take(async () => {
    seen.push('b')
    return 7
  })
  await t.throwsAsync(slow, { message: 'a failed' })
  t.is(await next, 7)
  t.deepEqual(seen, ['a', 'b'])
})
