import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { cluster, machine, refusal, testResources } from './support.ts'

test('a change of the spec raises the generation, a change of metadata or status does not', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('a'))
  const labelled = await resources.update('Machine', 'a', machine('a', {}, { labels: { x: 'y' } }))
  t.is(labelled.metadata.generation, 1)
  const changed = await resources.update('Machine', 'a', machine('a', { role: 'worker' }, { labels: { x: 'y' } }))
  t.is(changed.metadata.generation, 2)
  const status = await resources.update('Machine', 'a', { status: { phase: 'Connected' } }, { subresource: 'status' })
  t.is(status.metadata.generation, 2)
})

test('an update that changes nothing writes nothing', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create('Machine', machine('a', { role: 'worker' }))
  const same = await resources.update('Machine', 'a', created)
  t.is(same.metadata.resourceVersion, created.metadata.resourceVersion)
})

test('status is not touched by a main update, spec and metadata not by a status update', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create<Machine>('Machine', machine('a'))
  const main = await resources.update<Machine>('Machine', 'a', {
    ...created,
    spec: { role: 'worker' },
    status: { phase: 'Revoked', junk: 1 },
  })
  t.is(main.status?.phase, 'Pending')
  const status = await resources.update<Machine>(
    'Machine',
    'a',
    { ...main, metadata: { ...main.metadata, labels: { x: 'y' } }, spec: {}, status: { phase: 'Connected' } },
    { subresource: 'status' },
  )
  t.deepEqual([status.spec, status.metadata.labels, status.status?.phase], [{ role: 'worker' }, undefined, 'Connected'])
  const bad = resources.update('Machine', 'a', { status: { phase: 5 } }, { subresource: 'status' })
  t.deepEqual((await refusal(t, bad)).causes, ['status.phase FieldValueTypeInvalid'])
})

test('what the server owns in metadata cannot be changed', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create('Machine', machine('a'))
  const updated = await resources.update(
    'Machine',
    'a',
    machine(
      'a',
      {},
      { creationTimestamp: '2000-01-01T00:00:00Z', generation: 99, deletionTimestamp: '2000-01-01T00:00:00Z', labels: { a: 'b' } },
    ),
  )
  t.is(updated.metadata.creationTimestamp, created.metadata.creationTimestamp)
  t.is(updated.metadata.generation, 1)
  t.is(updated.metadata.deletionTimestamp, undefined)
})

test('a stale resourceVersion or another uid is a conflict', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create('Machine', machine('a'))
  await resources.update('Machine', 'a', machine('a', { role: 'worker' }))
  const stale = await refusal(t, resources.update('Machine', 'a', { ...created, spec: { role: 'controlPlane' } }))
  t.is(stale.status, 409)
  t.regex(stale.message, /machines\.moorline\.dev "a": the object has been modified; please apply your changes to the latest version/)
  t.is((await refusal(t, resources.update('Machine', 'a', machine('a', {}, { uid: 'other' })))).status, 409)
  t.is((await refusal(t, resources.update('Machine', 'a', machine('b')))).status, 400)
  t.is((await refusal(t, resources.update('Machine', 'b', machine('b')))).message, 'machines.moorline.dev "b" not found')
})

test('updates without a resourceVersion all get through', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('a'))
  await Promise.all(Array.from({ length: 10 }, (_, i) => resources.update('Machine', 'a', machine('a', { displayName: `${i}` }))))
  t.is(resources.get('Machine', 'a')?.metadata.generation, 11)
})

test('modify repeats on conflict, so nothing is written over', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('a', {}, { labels: { n: '0' } }))
  await Promise.all(
    Array.from({ length: 15 }, () =>
      resources.modify<Machine>('Machine', 'a', (current) => {
        // Changing what one is given is allowed: it is a copy.
        current.metadata.labels = { n: String(Number(current.metadata.labels?.n) + 1) }
        return current
      }),
    ),
  )
  t.is(resources.get('Machine', 'a')?.metadata.labels?.n, '15')
  t.is(await resources.modify('Machine', 'missing', (current) => current), undefined)
  t.is(await resources.modify('Machine', 'a', () => undefined), undefined)
})

test('modify of the status leaves the spec alone', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('a'))
  const change = (current: Machine) => ({
    ...current,
    spec: { role: 'worker' as const },
    status: { ...current.status, phase: 'Connected' },
  })
  const written = await resources.modify<Machine>('Machine', 'a', change, { subresource: 'status' })
  t.deepEqual([written?.spec, written?.status?.phase], [{}, 'Connected'])
})

test('an object with finalizers is deleted when the last one is gone', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('a', {}, { finalizers: ['moorline.dev/one', 'moorline.dev/two'] }))
  const marked = await resources.delete('Machine', 'a')
  t.is(marked.metadata.deletionTimestamp, '2030-01-02T03:04:05.678Z')
  t.is((await resources.delete('Machine', 'a')).metadata.resourceVersion, marked.metadata.resourceVersion)
  const more = resources.update('Machine', 'a', machine('a', {}, { finalizers: ['moorline.dev/one', 'moorline.dev/three'] }))
  t.deepEqual((await refusal(t, more)).causes, ['metadata.finalizers FieldValueForbidden'])
  await resources.update('Machine', 'a', machine('a', {}, { finalizers: ['moorline.dev/one'] }))
  t.truthy(resources.get('Machine', 'a'))
  await resources.update('Machine', 'a', machine('a'))
  t.is(resources.get('Machine', 'a'), undefined)
})

test('a delete honours its preconditions and dryRun', async (t) => {
  const { resources } = await testResources(t)
  const { metadata } = await resources.create('Machine', machine('a'))
  t.is((await refusal(t, resources.delete('Machine', 'a', { preconditions: { uid: 'other' } }))).status, 409)
  t.is((await refusal(t, resources.delete('Machine', 'a', { preconditions: { resourceVersion: '99' } }))).status, 409)
  await resources.delete('Machine', 'a', { dryRun: true })
  t.truthy(resources.get('Machine', 'a'))
  await resources.delete('Machine', 'a', { preconditions: { uid: metadata.uid } })
  t.is((await refusal(t, resources.delete('Machine', 'a'))).status, 404)
})

test('a transaction is refused as a whole when one object has changed since it was read', async (t) => {
  const { resources } = await testResources(t)
  const [a, b] = [await resources.create('Machine', machine('a')), await resources.create('Machine', machine('b'))]
  await resources.update('Machine', 'b', machine('b', { role: 'worker' }))
  const both = [a, b].map((object) => ({ op: 'update', object: { ...object, status: { phase: 'Connected' } } }) as const)
  t.is((await refusal(t, resources.transact(both))).code, 'Conflict')
  t.deepEqual(resources.get('Machine', 'a'), a)
})

test('a transaction that changes nothing writes nothing', async (t) => {
  const { resources, store } = await testResources(t)
  const a = await resources.create('Machine', machine('a'))
  t.deepEqual(await resources.transact([{ op: 'update', object: a }]), [a])
  t.is(store.currentResourceVersion(), 1)
})

test('a cluster that has machines is not deleted', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Cluster', cluster('c'))
  await resources.create('Machine', machine('a', { clusterRef: 'c' }))
  const { status, message } = await refusal(t, resources.delete('Cluster', 'c'))
  t.is(status, 409)
  t.regex(message, /machine a belongs to it; delete it or give it another spec\.clusterRef first/)
  await resources.delete('Machine', 'a')
  await t.notThrowsAsync(resources.delete('Cluster', 'c'))
})
