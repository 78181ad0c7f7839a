import test from 'ava'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine, MachineStatus } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { type MachineGathered, planMachine } from '#hub/controllers/machine/plan.ts'
import type { Session } from '#hub/controllers/machine/presence.ts'

const now = new Date('2030-01-01T00:00:00Z')
const certificate = { serial: 'aa', notBefore: '2029-12-31T00:00:00Z', notAfter: '2030-01-07T00:00:00Z' }

function machine(spec: Machine['spec'], status: MachineStatus = {}): Machine {
  return { apiVersion: 'moorline.dev/v1alpha1', kind: 'Machine', metadata: { name: 'm', uid: 'u-1', generation: 3 }, spec, status }
}

const session: Session = {
  agentId: 'a',
  sessionId: 's',
  bootId: 'b',
  agentVersion: '1',
  allowedActions: ['facts', 'preflight'],
  tunnelTargets: [],
  address: '192.0.2.1',
  planes: [{ name: 'nats', ok: true }],
  sinceMs: 0,
  lastSeenMs: 0,
  lastSeenAt: now,
  runningTasks: 0,
}

function task(action: string, state: string, more: Partial<NonNullable<Task['status']>> = {}): Task {
  return {
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'Task',
    metadata: { name: `t-${action}`, creationTimestamp: '2029-12-31T23:00:00Z' },
    spec: { machine: 'm', action },
    status: { state: state as 'Pending', ...more },
  }
}

function gather(input: Partial<MachineGathered> & { machine: Machine }): MachineGathered {
  return { session: undefined, isAlive: false, isGrace: false, tasks: [], now, ...input }
}

function statusOf(gathered: MachineGathered): MachineStatus {
  const operation = planMachine(gathered).operations.find((candidate) => candidate.op === 'status')
  return operation?.op === 'status' ? operation.status : (gathered.machine.status ?? {})
}

test('a machine that has asked waits for approval and says which fingerprint to compare', (t) => {
  const enrollment = { fingerprint: 'abcd ef01', joinToken: 'j', requestedAt: now.toISOString(), hostname: 'h' }
  const status = statusOf(gather({ machine: machine({}, { enrollment, agentId: 'a' }) }))
  const approved = findCondition(status.conditions, 'Approved')
  t.is(approved?.reason, 'WaitingForApproval')
  t.regex(approved?.message ?? '', /abcd ef01/)
  t.is(status.phase, 'Pending')
})

test('connected needs every plane to answer', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  t.is(findCondition(statusOf(gather({ machine: subject, session, isAlive: true })).conditions, 'Connected')?.status, 'True')
  const half = {
    ...session,
    planes: [
      { name: 'nats', ok: true },
      { name: 'grpc', ok: false, reason: 'handshake timed out' },
    ],
  }
  const condition = findCondition(statusOf(gather({ machine: subject, session: half, isAlive: true })).conditions, 'Connected')
  t.is(condition?.status, 'False')
  t.is(condition?.reason, 'PlaneDown')
  t.regex(condition?.message ?? '', /grpc: handshake timed out/)
})

test('after a hub restart a connected machine is not called gone within the grace period, and is after it', (t) => {
  const connected = statusOf(gather({ machine: machine({ approved: true }, { agentId: 'a', certificate }), session, isAlive: true }))
  const subject = machine({ approved: true }, connected)
  t.is(findCondition(statusOf(gather({ machine: subject, isGrace: true })).conditions, 'Connected')?.status, 'True')
  const gone = statusOf(gather({ machine: subject }))
  t.is(findCondition(gone.conditions, 'Connected')?.reason, 'NoHeartbeat')
  t.is(gone.phase, 'Disconnected')
})

test('facts and preflight are asked for once, on the first connection', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  const actions = (gathered: MachineGathered) => planMachine(gathered).operations.flatMap((o) => (o.op === 'create-task' ? [o.action] : []))
  t.deepEqual(actions(gather({ machine: subject, session, isAlive: true })), ['facts', 'preflight'])
  t.deepEqual(actions(gather({ machine: subject, session, isAlive: true, tasks: [task('facts', 'Pending')] })), ['preflight'])
  t.deepEqual(actions(gather({ machine: subject, session: { ...session, allowedActions: ['facts'] }, isAlive: true })), ['facts'])
  t.deepEqual(actions(gather({ machine: subject })), [])
})

test('a preflight result becomes the condition and stays when its task is gone', (t) => {
  const summary = { pass: 10, fail: 2, warn: 1, unknown: 0, skipped: 0 }
  const done = task('preflight', 'Succeeded', { finishedAt: now.toISOString(), result: { rows: [], summary } })
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  const status = statusOf(gather({ machine: subject, tasks: [done] }))
  t.is(findCondition(status.conditions, 'PreflightPassed')?.reason, 'ChecksFailed')
  t.deepEqual(status.preflight?.summary, summary)
  const later = statusOf(gather({ machine: machine({ approved: true }, status) }))
  t.is(findCondition(later.conditions, 'PreflightPassed')?.reason, 'ChecksFailed')
})

test('a clone is shown until the rightful machine is back', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  const refusal = { reason: 'IdentityCloned', message: 'another machine used it' }
  const cloned = statusOf(gather({ machine: subject, session: { ...session, refusal } }))
  t.is(findCondition(cloned.conditions, 'IdentityUnique')?.status, 'False')
  t.is(findCondition(cloned.conditions, 'Connected')?.reason, 'IdentityCloned')
  t.is(findCondition(statusOf(gather({ machine: machine({ approved: true }, cloned) })).conditions, 'IdentityUnique')?.status, 'False')
  const back = statusOf(gather({ machine: machine({ approved: true }, cloned), session, isAlive: true }))
  t.is(findCondition(back.conditions, 'IdentityUnique')?.status, 'True')
})

test('a copy that is refused beside the live machine is shown, and the machine stays connected', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  const beside = { ...session, clone: { message: 'another machine used it', seenMs: 0 } }
  const status = statusOf(gather({ machine: subject, session: beside, isAlive: true }))
  t.like(findCondition(status.conditions, 'IdentityUnique'), {
    status: 'False',
    reason: 'IdentityCloned',
    message: 'another machine used it',
  })
  t.is(findCondition(status.conditions, 'Connected')?.status, 'True')
  const after = statusOf(gather({ machine: { ...subject, status }, session, isAlive: true }))
  t.is(findCondition(after.conditions, 'IdentityUnique')?.status, 'True')
})

test('a certificate that was not renewed in time is said before it ends', (t) => {
  const at = (text: string) =>
    findCondition(
      statusOf(gather({ machine: machine({ approved: true }, { certificate }), now: new Date(text) })).conditions,
      'CertificateValid',
    )
  t.is(at('2030-01-01T00:00:00Z')?.status, 'True')
  t.is(at('2030-01-06T00:00:00Z')?.reason, 'RenewalOverdue')
  t.is(at('2030-01-08T00:00:00Z')?.reason, 'Expired')
  t.deepEqual(planMachine(gather({ machine: machine({}, { certificate }) })).nextAt, new Date('2030-01-05T06:00:00Z'))
})

test('a plan that has been applied plans nothing more', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  const first = statusOf(
    gather({ machine: subject, session, isAlive: true, tasks: [task('facts', 'Pending'), task('preflight', 'Running')] }),
  )
  const again = planMachine(
    gather({
      machine: machine({ approved: true }, first),
      session,
      isAlive: true,
      tasks: [task('facts', 'Pending'), task('preflight', 'Running')],
    }),
  )
  t.deepEqual(again.operations, [])
})

test('deleting ends the identity first, then the tasks, then lets the object go', (t) => {
  const subject = machine({ approved: true }, { agentId: 'a', certificate })
  subject.metadata.deletionTimestamp = now.toISOString()
  subject.metadata.finalizers = ['moorline.dev/identity']
  t.deepEqual(
    planMachine(gather({ machine: subject, tasks: [task('facts', 'Succeeded')] })).operations.map((operation) => operation.op),
    ['end-identity', 'delete-task', 'remove-finalizer'],
  )
})

test('a revoked machine is not connected, also in the first moments after a start of the hub', (t) => {
  const connected = statusOf(gather({ machine: machine({ approved: true }, { agentId: 'a', certificate }), session, isAlive: true }))
  const status = statusOf(gather({ machine: machine({ approved: true, revoked: true }, connected), isGrace: true }))
  t.is(findCondition(status.conditions, 'Connected')?.reason, 'Revoked')
  t.is(status.phase, 'Revoked')
})
