import test from 'ava'
import { createTurns, createTurnsByKey } from '#shared/flow/turns.ts'

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

test('turns of one key run one at a time in order, those of another key do not wait for them, and a failure ends nothing', async (t) => {
  const turns = createTurnsByKey()
  const seen: string[] = []
  let goOn = () => {}
  const first = turns.take('a', async () => {
    await new Promise<void>((resolve) => (goOn = resolve))
    seen.push('a1')
    throw new Error('a1 failed')
  })
  const second = turns.take('a', async () => void seen.push('a2'))
  await turns.take('b', async () => void seen.push('b'))
  goOn()
  await t.throwsAsync(first, { message: 'a1 failed' })
  await second
  await turns.take('a', async () => void seen.push('a3'))
  t.deepEqual(seen, ['b', 'a1', 'a2', 'a3'])
})
