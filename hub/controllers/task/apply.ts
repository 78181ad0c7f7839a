// Performs a plan: writes statuses, sends orders and writes down what came of it. Every write looks at the task again first: an
// event of the agent may have moved it on meanwhile, and a state never goes backwards.
import type { Clock } from '#shared/clock/clock.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { canMoveTask } from '#shared/contract/task-state.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import { type OrderAck, OrderOutcome, type SignedOrder } from '#proto/moorline/v1/control.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Attempts } from './attempts.ts'
import { withConditions } from './conditions.ts'
import { cancelOrder, taskOrder, type TaskSigner } from './orders.ts'
import type { TaskOperation } from './plan.ts'

export interface TaskGateway {
  /** Rejects when there is no answer in time; the agent may have got it all the same. */
  sendOrder(agentId: string, kind: 'task' | 'cancel', order: SignedOrder, timeoutMs: number): Promise<OrderAck>
}

export interface ApplyDeps {
  resources: Resources
  gateway: TaskGateway
  signer: TaskSigner
  attempts: Attempts
  clock: Clock
  nonce: () => string
  log: Log
}

type SendOperation = Extract<TaskOperation, { op: 'send' }>

export const answerTimeoutMs = 5_000
/** Refusals that the next order may not meet: it is signed anew, with a key that the agent has heard of by then. */
const passing: readonly string[] = ['Expired', 'UnknownSigningKey', 'Replayed']

/** True when a task had changed since the plan was made: look again. */
export async function applyTasks(operations: readonly TaskOperation[], deps: ApplyDeps): Promise<boolean> {
  const stale = new Set<string>()
  for (const operation of operations) {
    const { name } = operation.task.metadata
    if (operation.op === 'send') {
      if (!stale.has(name)) await send(operation, deps)
    } else if (!(await writeStatus(operation.task, operation.status, deps.resources))) stale.add(name)
  }
  return stale.size > 0
}

/** False when the task is not what the plan was made for. */
export async function writeStatus(task: Task, status: TaskStatus, resources: Resources): Promise<boolean> {
  let isSame = false
  await resources.modify<Task>(
    'Task',
    task.metadata.name,
    (current) => {
      isSame = current.metadata.uid === task.metadata.uid && current.metadata.resourceVersion === task.metadata.resourceVersion
      return isSame ? { ...current, status } : undefined
    },
    { subresource: 'status' },
  )
  return isSame
}

async function send(operation: SendOperation, deps: ApplyDeps): Promise<void> {
  const { task, kind, agentId, attempt } = operation
  const { attempts, clock } = deps
  const uid = task.metadata.uid ?? ''
  const subject = { ...operation, now: clock.now(), nonce: deps.nonce() }
  const order = kind === 'task' ? taskOrder(deps.signer, subject) : cancelOrder(deps.signer, subject)
  failpoint('hub.dispatch.before-send')
  let ack: OrderAck
  try {
    ack = await deps.gateway.sendOrder(agentId, kind, order, answerTimeoutMs)
  } catch (error) {
    return attempts.failed(uid, { reason: 'NoAnswer', message: messageOf(error) }, clock.monotonicMs())
  }
  failpoint('hub.dispatch.after-ack')
  const isTaken = ack.outcome === OrderOutcome.ACCEPTED || ack.outcome === OrderOutcome.DUPLICATE
  if (isTaken && (ack.taskUid !== uid || ack.attempt !== attempt)) {
    deps.log.warn({ agentId, task: task.metadata.name }, 'an agent answered about another task')
    return attempts.failed(uid, { reason: 'BadAnswer', message: 'it answered about another task' }, clock.monotonicMs())
  }
  if (isTaken && kind === 'cancel') return attempts.canceled(uid, attempt)
  const problem = { reason: nameOf(ack.reason), message: ack.message.slice(0, 1024) || 'it gave no reason' }
  const isFinal = kind === 'task' && ack.outcome === OrderOutcome.REFUSED && !passing.includes(ack.reason)
  if (!isTaken && !isFinal) return attempts.failed(uid, problem, clock.monotonicMs())
  attempts.forget(uid)
  await record(operation, isTaken ? undefined : problem, deps)
}

/** Delivered, or Failed with the agent's refusal. */
async function record(
  { task, attempt }: SendOperation,
  problem: { reason: string; message: string } | undefined,
  deps: ApplyDeps,
): Promise<void> {
  const now = deps.clock.now()
  const at = now.toISOString()
  const change = (current: Task): Task | undefined => {
    const { status, metadata } = current
    const to = problem ? 'Failed' : 'Delivered'
    if (metadata.uid !== task.metadata.uid || status?.state !== 'Pending') return undefined
    if (!canMoveTask({ state: status.state, attempt: status.attempt ?? 1 }, { state: to, attempt })) return undefined
    const moved: TaskStatus = problem ? { ...status, ...problem, state: to, finishedAt: at } : { ...status, state: to, deliveredAt: at }
    const waiting = { reason: 'QueuedOnMachine', message: `in the journal of machine ${current.spec.machine}`, since: at }
    return { ...current, status: withConditions(moved, waiting, metadata.generation, now) }
  }
  await deps.resources.modify<Task>('Task', task.metadata.name, change, { subresource: 'status' })
}

/** A reason comes from an agent: one CamelCase word or none. */
function nameOf(reason: string): string {
  return /^[A-Za-z][A-Za-z0-9]{0,127}$/.test(reason) ? reason : 'Refused'
}
