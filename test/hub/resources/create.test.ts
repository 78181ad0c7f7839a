import test from 'ava'
import { tokenPattern } from '#hub/resources/tokens.ts'
import { cluster, execTask, machine, refusal, testResources } from './support.ts'

test('the server fills in what is its own', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create('Machine', {
    ...machine('a', {}, { labels: { x: 'y' }, uid: 'mine', generation: 7, creationTimestamp: null, selfLink: '/x', managedFields: [] }),
    status: { phase: 'Connected', agentId: 'stolen' },
  })
  t.like(created, { apiVersion: 'moorline.dev/v1alpha1', kind: 'Machine', status: { phase: 'Pending' } })
  t.like(created.metadata, {
    name: 'a',
    generation: 1,
    creationTimestamp: '2030-01-02T03:04:05Z',
    labels: { x: 'y' },
    resourceVersion: '1',
  })
  t.not(created.metadata.uid, 'mine')
  t.is((created.status as { agentId?: string }).agentId, undefined)
  t.is(created.metadata.managedFields, undefined)
})

test('generateName makes a name that is free', async (t) => {
  const { resources } = await testResources(t)
  const names = new Set<string>()
  for (let i = 0; i < 20; i++)
    names.add((await resources.create('Machine', { metadata: { generateName: 'node-' }, spec: {} })).metadata.name)
  t.is(names.size, 20)
  for (const name of names) t.regex(name, /^node-[b-z2-9]{5}$/)
})

test('a name that is taken', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Cluster', cluster('a'))
  for (const dryRun of [true, false]) {
    const { status, message } = await refusal(t, resources.create('Cluster', cluster('a'), { dryRun }))
    t.is(status, 409)
    t.is(message, 'clusters.moorline.dev "a" already exists')
  }
})

test('dryRun checks everything and writes nothing', async (t) => {
  const { resources, store } = await testResources(t)
  const created = await resources.create('Machine', machine('a', { role: 'worker' }), { dryRun: true })
  t.is(created.metadata.name, 'a')
  await refusal(t, resources.create('Machine', machine('a', { role: 'boss' }), { dryRun: true }))
  t.is(resources.get('Machine', 'a'), undefined)
  t.is(store.currentResourceVersion(), 0)
})

test('Strict names every unknown field by its path, as kubectl expects it', async (t) => {
  const { resources } = await testResources(t)
  const object = { ...machine('a', { foo: 1, taints: [{ key: 'a', effect: 'NoExecute', when: 1 }] }, { lables: {} }), sepc: {} }
  const { status, message } = await refusal(t, resources.create('Machine', object, { fieldValidation: 'Strict' }))
  t.is(status, 400)
  t.is(
    message,
    'Machine in version "v1alpha1" cannot be handled as a Machine: strict decoding error: unknown field "sepc", unknown field "metadata.lables", unknown field "spec.foo", unknown field "spec.taints[0].when"',
  )
})

test('Warn drops unknown fields and says so, Ignore drops them', async (t) => {
  const { resources } = await testResources(t)
  const warnings: string[] = []
  const warned = await resources.create('Machine', machine('a', { foo: 1 }), { fieldValidation: 'Warn', warnings })
  t.deepEqual(warnings, ['unknown field "spec.foo"'])
  t.deepEqual(warned.spec, {})
  const ignored = await resources.create('Machine', machine('b', { foo: 1 }), { fieldValidation: 'Ignore', warnings })
  t.deepEqual(ignored.spec, {})
  t.is(warnings.length, 1)
})

test('null is taken for absent', async (t) => {
  const { resources } = await testResources(t)
  const created = await resources.create(
    'Machine',
    machine('a', { role: null, taints: [{ key: 'a', effect: 'NoExecute', value: null }] }, { labels: null }),
  )
  t.deepEqual(created.spec, { taints: [{ key: 'a', effect: 'NoExecute' }] })
})

test('every wrong value is named by its field, all at once', async (t) => {
  const { resources } = await testResources(t)
  const { status, causes, message } = await refusal(
    t,
    resources.create(
      'Machine',
      machine('a', {
        role: 'boss',
        displayName: 'x'.repeat(129),
        approved: 'yes',
        taints: [{ key: 'k', effect: 'x' }, { effect: 'NoExecute' }],
      }),
    ),
  )
  t.is(status, 422)
  t.deepEqual(causes.toSorted(), [
    'spec.approved FieldValueTypeInvalid',
    'spec.displayName FieldValueTooLong',
    'spec.role FieldValueNotSupported',
    'spec.taints[0].effect FieldValueNotSupported',
    'spec.taints[1].key FieldValueRequired',
  ])
  t.regex(message, /^Machine\.moorline\.dev "a" is invalid: \[/)
  t.regex(message, /spec\.taints\[0\]\.effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"/)
})

// What is sent as metadata, and the cause.
const badMetadata: [string, object, string][] = [
  ['no name', { name: '' }, 'metadata.name FieldValueInvalid'],
  ['upper case', { name: 'A' }, 'metadata.name FieldValueInvalid'],
  ['shell', { name: '$(id)' }, 'metadata.name FieldValueInvalid'],
  ['path', { name: '../a' }, 'metadata.name FieldValueInvalid'],
  ['newline', { name: 'a\nb' }, 'metadata.name FieldValueInvalid'],
  ['long', { name: 'a'.repeat(254) }, 'metadata.name FieldValueTooLong'],
  ['label key', { name: 'a', labels: { 'a b': '' } }, 'metadata.labels FieldValueInvalid'],
  ['label key with a newline', { name: 'a', labels: { 'a\nb': '' } }, 'metadata.labels FieldValueInvalid'],
  ['label value', { name: 'a', labels: { a: '-b' } }, 'metadata.labels.a FieldValueInvalid'],
  ['label type', { name: 'a', labels: { a: 1 } }, 'metadata.labels.a FieldValueTypeInvalid'],
  ['annotation key', { name: 'a', annotations: { 'a/b/c': '' } }, 'metadata.annotations FieldValueInvalid'],
  [
    'annotation size',
    { name: 'a', annotations: { a: 'x'.repeat(200_000), b: 'x'.repeat(200_000) } },
    'metadata.annotations FieldValueTooLong',
  ],
  ['namespace', { name: 'a', namespace: 'default' }, 'metadata.namespace FieldValueForbidden'],
  ['finalizer', { name: 'a', finalizers: ['a b'] }, 'metadata.finalizers[0] FieldValueInvalid'],
]
for (const [title, metadata, cause] of badMetadata)
  test(`metadata that breaks the grammar is refused: ${title}`, async (t) => {
    const { resources } = await testResources(t)
    const { causes } = await refusal(t, resources.create('Machine', { metadata, spec: {} }))
    t.true(causes.includes(cause), causes.join(', '))
  })

test('an object of another kind, version or form is a bad request', async (t) => {
  const { resources } = await testResources(t)
  for (const body of [null, 'x', [], { ...machine('a'), kind: 'Task' }, { ...machine('a'), apiVersion: 'v1' }, { metadata: [] }])
    t.is((await refusal(t, resources.create('Machine', body))).status, 400)
  t.is((await refusal(t, resources.create('Machine', machine('a', {}, { resourceVersion: '1' })))).status, 400)
  t.is((await refusal(t, resources.create('Nothing', machine('a')))).status, 404)
  t.is((await refusal(t, resources.create('Machine', { metadata: { name: 'a' }, spec: 'x' }))).causes[0], 'spec FieldValueTypeInvalid')
})

test('keys that reach into prototypes are nothing special', async (t) => {
  const { resources } = await testResources(t)
  const body = JSON.parse('{"metadata":{"name":"a","labels":{"constructor":"x"}},"spec":{"__proto__":{"approved":true}}}') as object
  t.is((await refusal(t, resources.create('Machine', body))).status, 400)
  const created = await resources.create('Machine', body, { fieldValidation: 'Ignore' })
  t.deepEqual(created.metadata.labels, { constructor: 'x' })
  t.is((created.spec as { approved?: boolean }).approved, undefined)
})

test('a join token is shown once and stored as a hash that does not leave the hub', async (t) => {
  const { resources, store } = await testResources(t)
  const created = await resources.create('JoinToken', { metadata: { generateName: 'join-' }, spec: {} })
  const { token, installCommand, expiresAt } = created.status as Record<string, string>
  t.regex(token ?? '', tokenPattern)
  t.is(installCommand, `install ${token}`)
  t.is(expiresAt, '2030-01-03T03:04:05.678Z')
  const stored = store.json(store.get('JoinToken', created.metadata.name) as never)
  t.false(stored.includes(token?.split('_')[2] ?? ''))
  t.false(stored.includes('installCommand'))
  const redacted = resources.definition('JoinToken')?.redact?.(resources.get('JoinToken', created.metadata.name) as never)
  t.false(JSON.stringify(redacted).includes('tokenHash'))
  const dry = await resources.create('JoinToken', { metadata: { name: 'x' }, spec: {} }, { dryRun: true })
  t.is((dry.status as { token?: string }).token, undefined)
})

test('several objects are created in one transaction and may refer to each other', async (t) => {
  const { resources } = await testResources(t)
  const whole = (kind: string, object: object) => ({ apiVersion: 'moorline.dev/v1alpha1', kind, ...object }) as never
  const [, made] = await resources.transact([
    { op: 'create', object: whole('Cluster', cluster('c')) },
    { op: 'create', object: whole('Machine', { ...machine('m', { clusterRef: 'c' }), status: { phase: 'Connected', agentId: 'a' } }) },
    { op: 'create', object: whole('Task', execTask('t', 'm')) },
  ])
  t.deepEqual(made?.status, { phase: 'Connected', agentId: 'a' })
  const bad = resources.transact([
    { op: 'create', object: whole('Cluster', cluster('d')) },
    { op: 'create', object: whole('Machine', machine('m')) },
  ])
  t.is((await refusal(t, bad)).code, 'AlreadyExists')
  t.is(resources.get('Cluster', 'd'), undefined)
})
