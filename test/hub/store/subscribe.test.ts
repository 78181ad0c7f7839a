import test from 'ava'
import { TooOldError } from '#hub/store/errors.ts'
import type { Change } from '#hub/store/types.ts'
import { object, testStore } from './support.ts'

const names = (changes: readonly Change[]) => changes.map((change) => `${change.type} ${change.name}@${change.resourceVersion}`)

test('a subscriber first gets what it missed, then what comes, each once and in order', async (t) => {
  const { store } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  await store.transact([{ op: 'create', object: object('Task', 'b') }])
  const seen: Change[] = []
  const subscription = store.subscribe('Machine', 0, (change) => seen.push(change))
  await store.transact([{ op: 'update', object: object('Machine', 'a', { role: 'worker' }) }])
  await store.transact([{ op: 'delete', kind: 'Machine', name: 'a' }])
  subscription.close()
  await store.transact([{ op: 'create', object: object('Machine', 'c') }])
  t.deepEqual(names(seen), ['ADDED a@1', 'MODIFIED a@3', 'DELETED a@4'])
  t.is(seen[0]?.previous, undefined)
  t.deepEqual(seen[1]?.previous?.spec, {})
  t.is(seen[2]?.object.metadata.resourceVersion, '4')
})

test('a callback finds the change applied, and a write resolves after it', async (t) => {
  const { store } = await testStore(t)
  const seen: unknown[] = []
  store.subscribe('*', 0, (change) => seen.push(store.get(change.kind, change.name)))
  const [written] = await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  t.deepEqual(seen, [written])
})

test('a subscriber that throws disturbs nobody', async (t) => {
  const { store } = await testStore(t)
  const seen: string[] = []
  store.subscribe('*', 0, () => {
    throw new Error('mine')
  })
  store.subscribe('*', 0, (change) => seen.push(change.name))
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  t.deepEqual(seen, ['a'])
})

test('the change log survives a restart, with what was before where the log knows it', async (t) => {
  const { store, reopen } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a', { role: 'worker' }) }])
  await store.transact([{ op: 'update', object: object('Machine', 'a', { role: 'controlPlane' }) }])
  const seen: Change[] = []
  ;(await reopen()).subscribe('Machine', 1, (change) => seen.push(change))
  t.deepEqual(names(seen), ['MODIFIED a@2'])
  t.deepEqual(seen[0]?.previous?.spec, { role: 'worker' })
})

test('the change log is bounded, and who is further behind is told so, also after a restart', async (t) => {
  const { store, path, reopen } = await testStore(t, { logLimits: { rows: 50, bytes: 1e6 } })
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  for (let i = 0; i < 200; i++) await store.transact([{ op: 'update', object: object('Machine', 'a', { i }) }])
  t.throws(() => store.subscribe('*', 10, () => {}), { instanceOf: TooOldError })
  const again = await reopen()
  t.throws(() => again.subscribe('*', 100, () => {}), { instanceOf: TooOldError })
  const seen: Change[] = []
  again.subscribe('*', 195, (change) => seen.push(change))
  t.is(seen.length, 6)
  t.truthy(path)
})

test('the change log is bounded by size too', async (t) => {
  const { store } = await testStore(t, { logLimits: { rows: 1e6, bytes: 100_000 } })
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  for (let i = 0; i < 30; i++) await store.transact([{ op: 'update', object: object('Machine', 'a', { text: 'x'.repeat(10_000) }) }])
  t.throws(() => store.subscribe('*', 1, () => {}), { instanceOf: TooOldError })
  t.notThrows(() => store.subscribe('*', 25, () => {}))
})

test('a resourceVersion of another history is refused: the client must list again', async (t) => {
  const { store } = await testStore(t)
  t.throws(() => store.subscribe('*', 1_000, () => {}), { instanceOf: TooOldError })
})
