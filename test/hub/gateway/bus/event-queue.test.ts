import test from 'ava'
import { createEventQueue } from '#hub/gateway/bus/event-queue.ts'

function gate(): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

test("one agent's batches run in order, one at a time, and do not hold up another's", async (t) => {
  const queue = createEventQueue({ perAgent: 3, totalBytes: 1000 })
  const [first, order] = [gate(), [] as string[]]
  queue.add('a', 1, async () => {
    order.push('a1 begins')
    await first.opened
    order.push('a1 ends')
  })
  queue.add('a', 1, async () => void order.push('a2'))
  queue.add('b', 1, async () => {
    order.push('b1')
    first.open()
  })
  await queue.idle()
  t.deepEqual(order, ['a1 begins', 'b1', 'a1 ends', 'a2'])
  t.is(queue.bytes(), 0)
})

test('a batch over the limit of its agent or of all is turned away, and room is given back also after a failure', async (t) => {
  const queue = createEventQueue({ perAgent: 2, totalBytes: 100 })
  const hold = gate()
  const failing = async (): Promise<void> => {
    await hold.opened
    throw new Error('no')
  }
  t.true(queue.add('a', 10, failing))
  t.true(queue.add('a', 10, failing))
  t.false(queue.add('a', 10, failing))
  t.true(queue.add('b', 80, failing))
  t.false(queue.add('c', 1, failing))
  hold.open()
  await queue.idle()
  t.is(queue.bytes(), 0)
  t.true(queue.add('c', 500, async () => {}))
  await queue.idle()
})

test('a caller gets the result, the failure, or nothing when there is no room', async (t) => {
  const queue = createEventQueue({ perAgent: 1, totalBytes: 100 })
  const hold = gate()
  const first = queue.call('a', 1, () => hold.opened.then(() => 'done'))
  t.is(await queue.call('a', 1, async () => 'second'), undefined)
  hold.open()
  t.is(await first, 'done')
  await queue.idle()
  await t.throwsAsync(
    queue.call('a', 1, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
})
