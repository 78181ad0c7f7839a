import test from 'ava'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import type { Task } from '#shared/contract/task.ts'
import { testCredentialKind } from '#test/hub/credentials/support.ts'
import { cluster, execTask, machine, refusal, testResources } from './support.ts'

const definitions = kindDefinitions({
  installCommand: () => '',
  randomBytes: (count) => new Uint8Array(count),
  ...testCredentialKind(),
})

test('names of kinds are unique, and tables begin with NAME and end with AGE', (t) => {
  const words = definitions.flatMap((one) => [one.plural, one.singular, ...one.shortNames])
  t.is(new Set(words).size, words.length)
  for (const { columns, kind } of definitions) {
    t.is(columns[0]?.name, 'Name', kind)
    t.is(columns.at(-1)?.name, 'Age', kind)
    t.deepEqual([columns[0]?.priority, columns.at(-1)?.priority], [0, 0])
  }
})

test('every column and selectable field of a bare object has a value', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Cluster', cluster('c'))
  await resources.create('Machine', machine('m'))
  await resources.create('Task', execTask('t', 'm'))
  await resources.create('JoinToken', { metadata: { name: 'j' }, spec: {} })
  await resources.create('Credential', { metadata: { name: 'p' }, spec: { type: 'Password', data: { password: 'secret' } } })
  await resources.create('AccessToken', { metadata: { name: 'a' }, spec: { user: 'u' } })
  await resources.create('AccessBinding', { metadata: { name: 'b' }, spec: { role: 'viewer', subjects: [{ kind: 'User', name: 'u' }] } })
  const now = new Date('2030-01-02T03:09:05Z')
  for (const { kind, columns, selectableFields } of resources.definitions()) {
    const [object] = resources.list(kind).items
    if (!object) return t.fail(`no ${kind}`)
    for (const column of columns)
      t.true(['string', 'number', 'boolean'].includes(typeof column.value(object, now)), `${kind} ${column.name}`)
    for (const [field, read] of Object.entries(selectableFields)) t.is(typeof read(object), 'string', `${kind} ${field}`)
    t.is(columns.at(-1)?.value(object, now), '5m')
  }
})

// Kind, spec, cause.
const bad: [string, object, string][] = [
  ['Cluster', { type: 'OnPremises' }, 'spec.type FieldValueNotSupported'],
  ['Cluster', {}, 'spec.type FieldValueRequired'],
  ['Machine', { clusterRef: 'missing' }, 'spec.clusterRef FieldValueInvalid'],
  ['Machine', { ipv4: '10.0.0.256' }, 'spec.ipv4 FieldValueInvalid'],
  ['Machine', { ipv6: '10.0.0.1' }, 'spec.ipv6 FieldValueInvalid'],
  ['Machine', { labels: { 'a b': 'x' } }, 'spec.labels FieldValueInvalid'],
  ['Machine', { roles: ['Infra'] }, 'spec.roles[0] FieldValueInvalid'],
  [
    'Machine',
    {
      taints: [
        { key: 'a', effect: 'NoExecute' },
        { key: 'a', value: 'x', effect: 'NoExecute' },
      ],
    },
    'spec.taints[1] FieldValueDuplicate',
  ],
  ['Machine', { taints: [{ key: 'a b', effect: 'NoExecute' }] }, 'spec.taints[0].key FieldValueInvalid'],
  ['Task', { machine: 'missing', action: 'facts' }, 'spec.machine FieldValueInvalid'],
  ['Task', { machine: 'm', action: 'format-disk' }, 'spec.action FieldValueNotSupported'],
  ['Task', { machine: 'm', action: 'constructor' }, 'spec.action FieldValueNotSupported'],
  ['Task', { machine: 'm', action: 'exec' }, 'spec.input.command FieldValueRequired'],
  ['Task', { machine: 'm', action: 'exec', input: { command: ['a', 1] } }, 'spec.input.command[1] FieldValueTypeInvalid'],
  ['Task', { machine: 'm', action: 'exec', input: { command: ['a'], shell: true } }, 'spec.input.shell FieldValueForbidden'],
  ['Task', { machine: 'm', action: 'facts', input: { x: 1 } }, 'spec.input.x FieldValueForbidden'],
  ['Task', { machine: 'm', action: 'facts', input: 'text' }, 'spec.input FieldValueTypeInvalid'],
  ['Task', { machine: 'm', action: 'file', input: { path: '/etc/../root' } }, 'spec.input.path FieldValueInvalid'],
  [
    'Task',
    { machine: 'm', action: 'preflight', input: { kubernetesVersion: '1.31; id' } },
    'spec.input.kubernetesVersion FieldValueInvalid',
  ],
  [
    'Task',
    {
      machine: 'm',
      action: 'exec',
      input: {
        command: ['x'.repeat(65536)],
        stdin: 'x'.repeat(262144),
        environment: { A: 'x'.repeat(65536), B: 'x'.repeat(65536), C: 'x'.repeat(65536), D: 'x' },
      },
    },
    'spec.input FieldValueTooLong',
  ],
  ['Task', { machine: 'm', action: 'facts', timeoutSeconds: 0 }, 'spec.timeoutSeconds FieldValueInvalid'],
  ['JoinToken', { uses: 0 }, 'spec.uses FieldValueInvalid'],
  ['JoinToken', { clusterRef: 'missing' }, 'spec.clusterRef FieldValueInvalid'],
  ['AccessToken', { user: '' }, 'spec.user FieldValueInvalid'],
  ['AccessBinding', { role: 'root', subjects: [{ kind: 'User', name: 'u' }] }, 'spec.role FieldValueNotSupported'],
  ['AccessBinding', { role: 'admin', subjects: [] }, 'spec.subjects FieldValueInvalid'],
]
for (const [kind, spec, cause] of bad)
  test(`refused: ${kind} ${JSON.stringify(spec).slice(0, 90)}`, async (t) => {
    const { resources } = await testResources(t)
    await resources.create('Machine', machine('m'))
    const { status, causes, message } = await refusal(t, resources.create(kind, { metadata: { name: 'x' }, spec }))
    t.is(status, 422)
    t.true(causes.includes(cause), causes.join(', '))
    t.true(message.length < 2_000)
  })

test('what is fixed at creation stays', async (t) => {
  const { resources } = await testResources(t)
  for (const name of ['m', 'n']) await resources.create('Machine', machine(name))
  await resources.create('Task', execTask('t', 'm'))
  const { causes } = await refusal(t, resources.update('Task', 't', execTask('t', 'n', { action: 'facts', input: {} })))
  t.deepEqual(causes, ['spec.machine FieldValueInvalid', 'spec.action FieldValueInvalid', 'spec.input FieldValueInvalid'])
  await resources.create('JoinToken', { metadata: { name: 'j' }, spec: {} })
  const raised = await refusal(t, resources.update('JoinToken', 'j', { metadata: { name: 'j' }, spec: { uses: 5 } }))
  t.deepEqual(raised.causes, ['spec.uses FieldValueInvalid'])
})

test('what cannot be taken back is not taken back', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('m', { revoked: true }))
  t.deepEqual((await refusal(t, resources.update('Machine', 'm', machine('m', { approved: true })))).causes, [
    'spec.revoked FieldValueForbidden',
  ])
  await resources.create('Task', execTask('t', 'm'))
  await resources.update('Task', 't', execTask('t', 'm', { cancel: true }))
  t.deepEqual((await refusal(t, resources.update('Task', 't', execTask('t', 'm')))).causes, ['spec.cancel FieldValueForbidden'])
})

test('the attempt of a task is raised only, and only when it has finished', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('m'))
  await resources.create('Task', execTask('t', 'm'))
  const attempt = (number: number, more: object = {}) =>
    resources.update<Task>('Task', 't', execTask('t', 'm', { attempt: number, ...more }))
  t.deepEqual((await refusal(t, attempt(2))).causes, ['spec.attempt FieldValueForbidden'])
  await resources.modify<Task>('Task', 't', (task) => ({ ...task, status: { state: 'Failed', attempt: 1 } }), { subresource: 'status' })
  t.deepEqual((await refusal(t, attempt(2, { cancel: true }))).causes, ['spec.cancel FieldValueForbidden'])
  t.is((await attempt(2)).spec.attempt, 2)
  t.deepEqual((await refusal(t, attempt(1))).causes, ['spec.attempt FieldValueInvalid'])
  // Attempt 2 has not even begun.
  t.deepEqual((await refusal(t, attempt(3))).causes, ['spec.attempt FieldValueForbidden'])
})

test('an object whose reference is gone can still be edited', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Machine', machine('m'))
  await resources.create('Task', execTask('t', 'm'))
  await resources.delete('Machine', 'm')
  await t.notThrowsAsync(resources.update('Task', 't', execTask('t', 'm', { cancel: true })))
})
