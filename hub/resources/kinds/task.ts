import { actionInputs, actionNames, hubActionInputs, isHubAction } from '#shared/contract/actions.ts'
import { limits } from '#shared/contract/limits.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import { type Task, TaskSpec, TaskStatus } from '#shared/contract/task.ts'
import type { TSchema } from 'typebox'
import type { FieldCause, KindDefinition, Look } from '../types.ts'
import { checkSchema, prune } from '../validate/schema.ts'
import { ageColumn, column, nameColumn, wide } from './columns.ts'
import { badValue, forbidden, immutable, reference } from './rules.ts'

export const taskKind: KindDefinition = {
  kind: 'Task',
  plural: 'tasks',
  singular: 'task',
  shortNames: ['tk'],
  categories: ['all', 'moorline'],
  description: 'One action on one machine: durable, resumable, streams its output.',
  spec: TaskSpec,
  status: TaskStatus,
  columns: [
    nameColumn,
    column<Task>('Machine', 'Machine that performs it.', (object) => object.spec.machine),
    column<Task>('Action', 'What it does.', (object) => object.spec.action),
    column<Task>('State', 'Where it stands.', (object) => object.status?.state ?? 'Pending'),
    column<Task>('Progress', 'As the action reports it.', (object) => {
      const percent = object.status?.progress?.percent
      return percent === undefined ? '' : `${percent}%`
    }),
    wide<Task>('Reason', 'Why it ended as it did.', (object) => object.status?.reason),
    wide<Task>('Message', 'The same in a sentence.', (object) => object.status?.message),
    ageColumn,
  ],
  selectableFields: {
    'spec.machine': (object) => (object as Task).spec.machine,
    'spec.action': (object) => (object as Task).spec.action,
    'status.state': (object) => (object as Task).status?.state ?? 'Pending',
  },
  defaults(object) {
    const { spec } = object as Task
    return { ...object, spec: { ...spec, input: spec.input ?? {}, timeoutSeconds: spec.timeoutSeconds ?? 600, attempt: spec.attempt ?? 1 } }
  },
  initialStatus: (object) => ({ state: 'Pending', attempt: (object as Task).spec.attempt ?? 1 }),
  validate(object, old, look) {
    const task = object as Task
    const before = old as Task | undefined
    return [
      ...reference(look, 'Machine', 'spec.machine', task.spec.machine, before?.spec.machine),
      ...immutable(task.spec, before?.spec, ['machine', 'action', 'input']),
      ...(before ? checkAttempt(task, before) : [...checkInput(task.spec), ...checkInstall(task.spec, look)]),
    ]
  },
}

function checkInput({ action, input }: TaskSpec): FieldCause[] {
  const schemas: Readonly<Record<string, TSchema>> = { ...actionInputs, ...hubActionInputs }
  const schema = Object.hasOwn(schemas, action) ? schemas[action] : undefined
  if (!schema) {
    const known = [...actionNames, ...Object.keys(hubActionInputs)].map((name) => `"${name}"`).join(', ')
    return [
      { field: 'spec.action', reason: 'FieldValueNotSupported', message: `Unsupported value: "${action}": supported values: ${known}` },
    ]
  }
  const size = Buffer.byteLength(JSON.stringify(input))
  if (size > limits.taskInputBytes)
    return [{ field: 'spec.input', reason: 'FieldValueTooLong', message: `Too long: may not be more than ${limits.taskInputBytes} bytes` }]
  const unknown: string[] = []
  prune(schema, input, 'spec.input', unknown)
  return [
    ...unknown.map((field) => forbidden(field, `Forbidden: action ${action} has no such input`)),
    ...checkSchema(schema, input, 'spec.input'),
    ...checkFileInput(action, input),
  ]
}

/** The hub creates it by itself; by hand it is for a machine whose first one has been deleted. One at a time. */
function checkInstall({ action, machine: name }: TaskSpec, look: Look): FieldCause[] {
  const machine = look.get('Machine', name) as Machine | undefined
  if (!isHubAction(action) || !machine) return []
  if (!machine.spec.ssh) return [badValue('spec.machine', name, 'has no spec.ssh, so the hub cannot log in on it')]
  const { ssh, certificate } = machine.status ?? {}
  if (certificate) return [badValue('spec.machine', name, 'has an agent already')]
  const last = look.get('Task', ssh?.task ?? '') as Task | undefined
  if (!last || last.spec.machine !== name || isTerminal(last.status?.state ?? 'Pending')) return []
  return [forbidden('spec.action', `task ${last.metadata.name} installs the agent on machine ${name} already`)]
}

function checkFileInput(action: string, input: unknown): FieldCause[] {
  const path = action === 'file' ? (input as { path?: unknown }).path : undefined
  if (typeof path !== 'string') return []
  const isClean = !path.includes('\0') && !path.split('/').some((segment) => segment === '.' || segment === '..')
  return isClean ? [] : [badValue('spec.input.path', path, 'must be absolute, without "." or ".." segments')]
}

function checkAttempt({ spec }: Task, { spec: old, status }: Task): FieldCause[] {
  const attempt = spec.attempt ?? 1
  const oldAttempt = old.attempt ?? 1
  if (attempt === oldAttempt)
    return old.cancel && !spec.cancel ? [forbidden('spec.cancel', 'true cannot be taken back for this attempt')] : []
  if (attempt < oldAttempt) return [badValue('spec.attempt', attempt, `may only be raised; it is ${oldAttempt}`)]
  const isFinished = (status?.attempt ?? 1) === oldAttempt && isTerminal(status?.state ?? 'Pending')
  if (!isFinished) return [forbidden('spec.attempt', `attempt ${oldAttempt} has not finished yet (${status?.state ?? 'Pending'})`)]
  return spec.cancel ? [forbidden('spec.cancel', `must be false for attempt ${attempt} to run`)] : []
}
