import test from 'ava'
import fc from 'fast-check'
import type { SendMemory } from '#hub/controllers/task/attempts.ts'
import { planTasks } from '#hub/controllers/task/plan.ts'
import { needsWork } from '#hub/controllers/task/task-index.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { isTerminal, legalMoves } from '#shared/contract/task-state.ts'
import { type Task, type TaskSpec, type TaskStatus, taskStates } from '#shared/contract/task.ts'

const now = new Date('2030-01-01T12:00:00Z')
const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000)

function machine(
  connected: 'True' | 'False' | 'Never' = 'True',
  change: Partial<Machine['spec']> = {},
  agentId: string | null = 'agent-1',
): Machine {
  const condition = {
    type: 'Connected',
    status: connected === 'True' ? ('True' as const) : ('False' as const),
    reason: 'HeartbeatLost',
    message: '',
    lastTransitionTime: at(-9).toISOString(),
  }
  return {
    apiVersion,
    kind: 'Machine',
    metadata: { name: 'm', uid: 'machine-uid', creationTimestamp: at(-600).toISOString() },
    spec: { approved: true, ...change },
    status: { ...(agentId && { agentId }), conditions: connected === 'Never' ? [] : [condition] },
  }
}

function task(status: Partial<TaskStatus> = {}, spec: Partial<TaskSpec> = {}): Task {
  return {
    apiVersion,
    kind: 'Task',
    metadata: { name: 't', uid: 'task-uid', generation: 1, resourceVersion: '5', creationTimestamp: at(-10).toISOString() },
    spec: { machine: 'm', action: 'facts', attempt: 1, timeoutSeconds: 600, ...spec },
    status: { state: 'Pending', attempt: 1, ...status },
  }
}

function plan(one: Task, { host = machine() as Machine | null, memory = {} as Record<string, SendMemory>, when = now } = {}) {
  const { operations, againInMs } = planTasks({
    machine: host ?? undefined,
    tasks: [one],
    memory: new Map(Object.entries(memory)),
    now: when,
    monotonicMs: 1_000,
  })
  const write = operations.find((operation) => operation.op === 'status')
  const send = operations.find((operation) => operation.op === 'send')
  const status = write?.status ?? (one.status as TaskStatus)
  return { status, send, operations, againInMs, condition: (type: string) => findCondition(status.conditions, type) }
}

test('a pending task of a connected machine is marked as sent, then sent', (t) => {
  const { operations, status, send, condition } = plan(task())
  t.deepEqual(
    operations.map(({ op }) => op),
    ['status', 'send'],
  )
  t.is(status.agentId, 'agent-1')
  t.like(send, { kind: 'task', agentId: 'agent-1', attempt: 1, deadline: at(24 * 60 - 10) })
  t.like(condition('Delivered'), { status: 'False', reason: 'Sending' })
  t.like(condition('Finished'), { status: 'False', reason: 'Pending' })
})

test('nothing is sent to a machine that is not connected; the task says since when, until when and what then', (t) => {
  const { send, condition, againInMs } = plan(task(), { host: machine('False') })
  t.is(send, undefined)
  t.like(condition('Waiting'), { status: 'True', reason: 'AgentDisconnected' })
  t.regex(
    condition('Waiting')?.message ?? '',
    /since 2030-01-01T11:51:00.000Z; until 2030-01-02T11:50:00.000Z, then it is recorded as TimedOut/,
  )
  t.is(againInMs, at(24 * 60 - 10).getTime() - now.getTime())
})

test('a machine without an identity, or denied, is who is waited for', (t) => {
  t.is(plan(task(), { host: machine('Never', { approved: undefined }, null) }).condition('Waiting')?.reason, 'MachineNotEnrolled')
  t.is(plan(task(), { host: machine('Never', { approved: false }, null) }).condition('Waiting')?.reason, 'MachineDenied')
})

test('a back-off is kept, and its reason is shown', (t) => {
  const memory = { 'task-uid': { failures: 2, nextAtMs: 1_700, problem: { reason: 'JournalUnavailable', message: 'its disk is full' } } }
  const { send, condition, againInMs } = plan(task({ agentId: 'agent-1' }), { memory })
  t.is(send, undefined)
  t.is(againInMs, 700)
  t.is(condition('Waiting')?.reason, 'JournalUnavailable')
  t.regex(condition('Waiting')?.message ?? '', /its disk is full/)
  t.is(plan(task({ agentId: 'agent-1' }), { memory: { 'task-uid': { failures: 2, nextAtMs: 1_000 } } }).send?.kind, 'task')
})

test('a task that is delivered or runs is not sent again', (t) => {
  for (const state of ['Delivered', 'Running'] as const) {
    const { send, condition } = plan(
      task({ state, agentId: 'agent-1', deliveredAt: at(-1).toISOString(), startedAt: at(-1).toISOString() }),
    )
    t.is(send, undefined)
    t.like(condition('Delivered'), { status: 'True' })
    t.is(condition('Waiting')?.reason, state === 'Running' ? 'Running' : 'QueuedOnMachine')
  }
})

test('a cancel before the first send ends it here; after it, the agent is asked until it knows', (t) => {
  t.like(plan(task({}, { cancel: true })).status, { state: 'Canceled', reason: 'Canceled' })
  t.is(plan(task({}, { cancel: true })).send, undefined)
  const sent = task({ agentId: 'agent-1' }, { cancel: true })
  const asked = plan(sent)
  t.is(asked.send?.kind, 'cancel')
  t.is(asked.status.state, 'Pending')
  t.is(asked.status.cancelRequestedAt, now.toISOString())
  t.is(asked.condition('Waiting')?.reason, 'Stopping')
  const known = plan(sent, { memory: { 'task-uid': { failures: 0, nextAtMs: 0, canceledAttempt: 1 } } })
  t.is(known.send, undefined)
  t.is(known.status.state, 'Pending')
  const other = plan(sent, { memory: { 'task-uid': { failures: 0, nextAtMs: 0, canceledAttempt: 7 } } })
  t.is(other.send?.kind, 'cancel')
  t.is(plan(sent, { host: machine('False') }).send, undefined)
})

test('a deadline ends what was never sent at once, and what was sent after the agent had its grace', (t) => {
  const spec = { deadline: at(0).toISOString() }
  t.like(plan(task({}, spec)).status, { state: 'TimedOut', reason: 'DeadlineExceeded' })
  const sent = task({ agentId: 'agent-1', state: 'Running', startedAt: at(-5).toISOString() }, spec)
  const asked = plan(sent)
  t.is(asked.send?.kind, 'cancel')
  t.is(asked.status.state, 'Running')
  const gone = { host: machine('False') }
  const waits = plan(sent, gone)
  t.is(waits.status.state, 'Running')
  t.is(waits.againInMs, 60_000)
  const over = plan(sent, { ...gone, when: at(1) })
  t.like(over.status, { state: 'TimedOut', reason: 'AgentUnreachable' })
  t.regex(over.status.message ?? '', /not connected since 2030-01-01T11:51:00.000Z \(HeartbeatLost\)/)
})

test('a running task of a lost agent stays Running and names the agent', (t) => {
  const sent = task({ agentId: 'agent-1', state: 'Running', startedAt: at(-5).toISOString() })
  const { status, condition } = plan(sent, { host: machine('False') })
  t.is(status.state, 'Running')
  t.like(condition('Waiting'), { reason: 'AgentDisconnected' })
})

test('a result that is overdue from a connected agent is said, and the task is looked at when it becomes so', (t) => {
  const one = task({ agentId: 'agent-1', state: 'Running', deliveredAt: now.toISOString(), startedAt: now.toISOString() })
  const { againInMs } = plan(one)
  t.is(againInMs, 630_000)
  t.is(plan(one, { when: new Date(now.getTime() + 630_000) }).condition('Waiting')?.reason, 'ResultOverdue')
})

test('a raised attempt starts from nothing, and its deadline counts from then', (t) => {
  const ended = task(
    {
      state: 'Failed',
      reason: 'NonZeroExit',
      message: 'x',
      result: { exitCode: 1 },
      agentId: 'agent-1',
      deliveredAt: at(-9).toISOString(),
      finishedAt: at(-8).toISOString(),
      progress: { percent: 5, message: '' },
    },
    { attempt: 2 },
  )
  const { status, send } = plan(ended)
  t.deepEqual(Object.keys(status).sort(), ['attempt', 'conditions', 'queuedAt', 'state'])
  t.like(status, { state: 'Pending', attempt: 2, queuedAt: now.toISOString() })
  t.is(send, undefined)
  const next = plan({ ...ended, status }, { when: at(60 * 23) })
  t.is(next.status.state, 'Pending')
  t.is(next.send?.attempt, 2)
})

test('a task whose machine is gone, revoked or enrolled anew fails with that reason', (t) => {
  t.is(plan(task(), { host: null }).status.reason, 'MachineNotFound')
  t.is(plan(task(), { host: machine('True', { revoked: true }) }).status.reason, 'MachineRevoked')
  t.is(plan(task({ agentId: 'agent-0', state: 'Delivered' })).status.reason, 'MachineReplaced')
  const younger = machine()
  younger.metadata.creationTimestamp = at(-5).toISOString()
  const replaced = plan(task(), { host: younger })
  t.like(replaced.status, { state: 'Failed', reason: 'MachineReplaced' })
  t.is(replaced.send, undefined)
})

test('an ended task gets its conditions once, and then needs nothing', (t) => {
  const one = task({ state: 'Succeeded', agentId: 'agent-1', startedAt: at(-2).toISOString(), finishedAt: at(-1).toISOString() })
  t.true(needsWork(one))
  const { status, condition } = plan(one)
  t.like(condition('Finished'), { status: 'True', reason: 'Succeeded' })
  t.is(condition('Waiting'), undefined)
  const after = { ...one, status }
  t.false(needsWork(after))
  t.deepEqual(plan(after).operations, [])
})

test('a plan that was carried out leaves nothing to write', (t) => {
  const first = plan(task())
  const second = plan({ ...task(), status: first.status })
  t.deepEqual(
    second.operations.map(({ op }) => op),
    ['send'],
  )
})

test('whatever is gathered: no illegal move, no write for an ended task of this attempt, and who is waited for is always said', (t) => {
  const time = fc.integer({ min: -3_000, max: 3_000 }).map((minutes) => at(minutes).toISOString())
  const statuses = fc.record(
    { agentId: fc.constantFrom('agent-1', 'agent-2'), deliveredAt: time, startedAt: time, cancelRequestedAt: time, queuedAt: time },
    { requiredKeys: [] },
  )
  const specs = fc.record(
    { deadline: time, cancel: fc.boolean(), attempt: fc.integer({ min: 1, max: 3 }), timeoutSeconds: fc.integer({ min: 1, max: 86_400 }) },
    { requiredKeys: [] },
  )
  const hosts = fc.constantFrom(undefined, machine(), machine('False'), machine('Never', {}, null), machine('True', { revoked: true }))
  const memories = fc.record({ failures: fc.nat({ max: 9 }), nextAtMs: fc.nat({ max: 5_000 }) })
  fc.assert(
    fc.property(fc.constantFrom(...taskStates), statuses, specs, hosts, memories, (state, status, spec, host, memory) => {
      const one = task({ state, ...status }, spec)
      const result = plan(one, { host, memory: { 'task-uid': memory } })
      const before = one.status as TaskStatus
      if (isTerminal(state) && (spec.attempt ?? 1) > 1) t.like(result.status, { state: 'Pending', attempt: spec.attempt })
      else t.true(result.status.state === before.state || legalMoves[before.state].includes(result.status.state))
      if (isTerminal(result.status.state)) t.is(result.send, undefined)
      else {
        const waiting = result.condition('Waiting')
        t.is(waiting?.status, 'True')
        t.true((waiting?.message.length ?? 0) > 10)
        t.not(result.againInMs, undefined)
      }
      if (result.send?.kind === 'task') t.truthy(result.status.agentId)
    }),
    { numRuns: 500 },
  )
})
