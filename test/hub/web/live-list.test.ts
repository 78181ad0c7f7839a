import test from 'ava'
import { systemClock } from '#shared/clock/clock.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { failureFromStatus } from '#hub/web/api/failure.ts'
import { readNdjson } from '#hub/web/api/ndjson.ts'
import { createLiveList } from '#hub/web/data/live-list.ts'
import { startFakeApi } from '#test/pages/fake-api.ts'
import { machine } from '#test/pages/fixtures.ts'
import { until } from '#test/helpers/until.ts'

async function openList(t: { teardown(end: () => unknown): void }) {
  const api = await startFakeApi()
  const list = createLiveList<Machine>({
    path: '/apis/moorline.dev/v1alpha1/machines',
    async send(path, init) {
      const response = await fetch(api.url + path, init)
      if (!response.ok) throw failureFromStatus(response.status, await response.json())
      return response
    },
    clock: systemClock,
    random: () => 0,
    schedule: (show) => setImmediate(show),
    lingerMs: 0,
  })
  let shown = 0
  const end = list.subscribe(() => shown++)
  t.teardown(async () => {
    end()
    await api.close()
  })
  const names = () => [...list.snapshot().byName.keys()].sort()
  const live = () => until('the list to be live', () => list.snapshot().isComplete && list.snapshot().state.phase === 'live')
  return { api, list, names, live, shown: () => shown }
}

test('lists page by page, then follows what is added, changed and deleted', async (t) => {
  const { api, list, names, live } = await openList(t)
  for (let index = 0; index < 2_500; index++) api.put('machines', machine(`n${index}`))
  await live()
  t.is(names().length, 2_500)
  t.is(api.requests.filter((line) => line.includes('limit=1000')).length, 3)
  api.put('machines', machine('later'))
  await until('the new machine', () => names().includes('later'))
  api.put('machines', machine('later', { status: { phase: 'Disconnected' } }))
  await until('the change', () => list.snapshot().byName.get('later')?.status?.phase === 'Disconnected')
  api.remove('machines', 'later')
  await until('the deletion', () => !names().includes('later'))
})

test('resumes a cut watch by resourceVersion without listing again, and misses nothing', async (t) => {
  const { api, list, names, live } = await openList(t)
  api.put('machines', machine('a'))
  await live()
  const lists = () => api.requests.filter((line) => line.includes('limit=')).length
  const before = lists()
  api.outage = 503
  api.cutWatches()
  await until('the list to notice', () => list.snapshot().state.phase === 'retrying')
  t.deepEqual(names(), ['a'], 'what is known stays')
  api.put('machines', machine('b'))
  api.remove('machines', 'a')
  api.outage = undefined
  await until('the changes of the outage', () => names().join() === 'b')
  t.is(lists(), before)
  t.is(list.snapshot().state.phase, 'live')
})

test('lists again when the hub has forgotten the version, and drops what is gone', async (t) => {
  const { api, names, live } = await openList(t)
  api.put('machines', machine('a'))
  api.put('machines', machine('b'))
  await live()
  api.outage = 503
  api.cutWatches(true)
  api.remove('machines', 'a')
  api.outage = undefined
  await until('the new list', () => names().join() === 'b')
  t.true(api.requests.filter((line) => line.includes('limit=')).length >= 2)
})

test('does not ask again when it may not', async (t) => {
  const { api, list } = await openList(t)
  api.outage = 403
  api.cutWatches()
  await until('the refusal', () => list.snapshot().state.phase === 'refused')
  const asked = api.requests.length
  await new Promise((resolve) => setImmediate(resolve))
  t.is(api.requests.length, asked)
})

test('a thousand changes at once are shown a few times, not a thousand', async (t) => {
  const { api, list, names, live, shown } = await openList(t)
  await live()
  const before = shown()
  for (let index = 0; index < 1_000; index++) api.put('machines', machine(`n${index}`))
  await until('all of them', () => names().length === 1_000)
  t.true(shown() - before < 200, `shown ${shown() - before} times`)
  t.is(list.snapshot().items.length, 1_000)
})

test('an answer that is older than what the watch said is not put over it', async (t) => {
  const { api, list, live } = await openList(t)
  const old = api.put('machines', machine('a'))
  await live()
  api.put('machines', machine('a', { status: { phase: 'Disconnected' } }))
  await until('the change', () => list.snapshot().byName.get('a')?.status?.phase === 'Disconnected')
  list.put(old as unknown as Machine)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(list.snapshot().byName.get('a')?.status?.phase, 'Disconnected')
})

test('NDJSON is read across chunks that cut lines and characters, and an endless line is refused', async (t) => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n\n{"b":2}\n{"c":3}')
  const stream = (chunks: Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
      },
    })
  const values: unknown[] = []
  for await (const value of readNdjson(stream([...bytes].map((byte) => Uint8Array.of(byte))))) values.push(value)
  t.deepEqual(values, [{ a: 'é' }, { b: 2 }, { c: 3 }])
  const endless = stream(Array.from({ length: 9 }, () => new Uint8Array(1024 * 1024).fill(120)))
  await t.throwsAsync(readNdjson(endless).next(), { message: /longer than/ })
})
