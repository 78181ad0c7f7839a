import test from 'ava'
import { AlreadyExistsError, BusyError, ConflictError, NotFoundError } from '#hub/store/errors.ts'
import { object, testStore } from './support.ts'

test('what is written can be read at once and after a restart', async (t) => {
  const { store, reopen } = await testStore(t)
  const [written] = await store.transact([{ op: 'create', object: object('Machine', 'a', { role: 'worker' }, { phase: 'Pending' }) }])
  t.is(written?.metadata.resourceVersion, '1')
  t.is(store.get('Machine', 'a'), written)
  const again = await reopen()
  t.deepEqual(again.get('Machine', 'a'), written)
  t.is(again.currentResourceVersion(), 1)
})

test('a transaction writes all of its operations or none', async (t) => {
  const { store } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'taken') }])
  await t.throwsAsync(
    store.transact([
      { op: 'create', object: object('Machine', 'new') },
      { op: 'create', object: object('Machine', 'taken') },
    ]),
    { instanceOf: AlreadyExistsError },
  )
  t.is(store.get('Machine', 'new'), undefined)
})

test('a refused command does not hurt the others of its group', async (t) => {
  const { store, reopen } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'm0') }])
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => store.transact([{ op: 'create', object: object('Machine', `m${i % 60}`) }])),
  )
  // m0 was there, and 40 names come twice.
  t.is(results.filter((result) => result.status === 'rejected').length, 41)
  t.is(store.list('Machine').items.length, 60)
  t.is((await reopen()).list('Machine').items.length, 60)
})

test('an update under an old resourceVersion is a conflict', async (t) => {
  const { store } = await testStore(t)
  const [first] = await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  const write = (expectedResourceVersion?: string) =>
    store.transact([{ op: 'update', object: object('Machine', 'a', { role: 'worker' }), expectedResourceVersion }])
  await write(first?.metadata.resourceVersion)
  await t.throwsAsync(write(first?.metadata.resourceVersion), { instanceOf: ConflictError })
  await t.notThrowsAsync(write())
})

test('an object that was made anew under the same name is not written over by who knew the old one', async (t) => {
  const { store } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  await store.transact([{ op: 'delete', kind: 'Machine', name: 'a' }])
  const renewed = object('Machine', 'a')
  renewed.metadata.uid = 'another'
  await store.transact([{ op: 'create', object: renewed }])
  await t.throwsAsync(store.transact([{ op: 'update', object: object('Machine', 'a') }]), { instanceOf: ConflictError })
  await t.throwsAsync(store.transact([{ op: 'delete', kind: 'Machine', name: 'a', uid: 'uid-Machine-a' }]), { instanceOf: ConflictError })
})

test('what does not exist cannot be changed or deleted', async (t) => {
  const { store } = await testStore(t)
  await t.throwsAsync(store.transact([{ op: 'update', object: object('Machine', 'a') }]), { instanceOf: NotFoundError })
  await t.throwsAsync(store.transact([{ op: 'delete', kind: 'Machine', name: 'a' }]), { instanceOf: NotFoundError })
})

test('the resourceVersion never goes back, not after deletes, refusals or restarts', async (t) => {
  const { store, reopen } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  const [deleted] = await store.transact([{ op: 'delete', kind: 'Machine', name: 'a' }])
  t.is(deleted?.metadata.resourceVersion, '2')
  const again = await reopen()
  t.is(again.currentResourceVersion(), 2)
  await t.throwsAsync(again.transact([{ op: 'update', object: object('Machine', 'a') }]))
  const [renewed] = await again.transact([{ op: 'create', object: object('Machine', 'a') }])
  t.true(Number(renewed?.metadata.resourceVersion) > 2)
})

test('a list is in order of name and stands for a resourceVersion', async (t) => {
  const { store } = await testStore(t)
  await store.transact(['b', 'c', 'a', 'a-1', 'a.1'].map((name) => ({ op: 'create', object: object('Machine', name) })))
  const { items, resourceVersion } = store.list('Machine')
  t.deepEqual(
    items.map((item) => item.metadata.name),
    ['a', 'a-1', 'a.1', 'b', 'c'],
  )
  t.is(resourceVersion, 5)
})

test('objects that are read cannot be changed by accident', async (t) => {
  const { store } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a', { roles: ['x'] }) }])
  t.throws(() => (store.get('Machine', 'a') as { spec: { roles: string[] } }).spec.roles.push('y'), { instanceOf: TypeError })
})

test('the text of an object is what a stringify would give, whatever its strings hold', async (t) => {
  const { store, reopen } = await testStore(t)
  const hostile = object('Machine', 'a', {
    '"resourceVersion":"7"': '","metadata":{"resourceVersion":"9"',
    __proto__: null,
    text: '\u2028"\\\0',
  })
  hostile.metadata.annotations = { x: '"resourceVersion":"3"}' }
  const [written] = await store.transact([{ op: 'create', object: hostile }])
  t.deepEqual(JSON.parse(store.json(written as never)), { ...hostile, metadata: { ...hostile.metadata, resourceVersion: '1' } })
  const [deleted] = await store.transact([{ op: 'delete', kind: 'Machine', name: 'a' }])
  t.deepEqual(deleted, { ...hostile, metadata: { ...hostile.metadata, resourceVersion: '2' } })
  await t.notThrowsAsync(reopen())
})

test('a full queue refuses at once instead of growing', async (t) => {
  const queueLimits = { groupCommands: 1, groupBytes: 1e6, queuedCommands: 3, queuedBytes: 1e6 }
  const { store } = await testStore(t, { queueLimits })
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => store.transact([{ op: 'create', object: object('Machine', `m${i}`) }])),
  )
  const refused = results.filter((result) => result.status === 'rejected')
  t.true(refused.length > 0)
  t.true(refused.every((result) => result.reason instanceof BusyError))
  t.is(store.list('Machine').items.length, 20 - refused.length)
})

test('closing writes what was accepted and refuses what comes after', async (t) => {
  const { store, reopen } = await testStore(t)
  const writes = Array.from({ length: 500 }, (_, i) => store.transact([{ op: 'create', object: object('Machine', `m${i}`) }]))
  const closed = store.close()
  await t.throwsAsync(store.putSetting('late', 'x'))
  await Promise.all([...writes, closed])
  t.is((await reopen()).list('Machine').items.length, 500)
})

test('settings are durable', async (t) => {
  const { store, reopen } = await testStore(t)
  t.is(await store.getSetting('serials'), undefined)
  await store.putSetting('serials', '["1"]')
  await store.putSetting('serials', '["1","2"]')
  t.is(await (await reopen()).getSetting('serials'), '["1","2"]')
})
