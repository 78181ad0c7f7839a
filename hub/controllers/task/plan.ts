// What to do about the tasks of one machine: pure. Rules, first that fits:
//
//  1 ended, and spec.attempt was raised        → Pending again, nothing of the last attempt left
//  2 ended                                     → conditions say so
//  3 its machine is gone, replaced or revoked  → Failed; the agent that had it can never report
//  4 cancel asked, never sent                  → Canceled
//  5 deadline passed, never sent               → TimedOut (DeadlineExceeded)
//  6 deadline and grace passed                 → TimedOut (AgentUnreachable)
//  7 cancel asked, or deadline passed, sent    → the agent is told to stop until it says that it knows
//  8 not delivered, agent connected            → mark as sent (durable), then send; again with back-off until it answers
//  9 anything else                             → waits, and says for whom
//
// "Sent" is written before the first send: from then on the agent may have it, whatever answer is missing.
import type { Machine } from '#shared/contract/machine.ts'
import { isTerminal, moveTask } from '#shared/contract/task-state.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { withConditions } from './conditions.ts'
import type { TasksGathered } from './gather.ts'
import { isMachineConnected, waitingFor, whyNoAnswer } from './waiting.ts'

export type TaskOperation =
  | { op: 'status'; task: Task; status: TaskStatus }
  | { op: 'send'; task: Task; kind: 'task' | 'cancel'; agentId: string; attempt: number; deadline: Date }

export interface TaskPlan {
  operations: TaskOperation[]
  /** When to look again although nothing has changed. */
  againInMs?: number
}

export const defaultDeadlineMs = 24 * 3_600_000
/** After the deadline, for an answer that is on its way. */
export const graceMs = 60_000

interface One {
  status: TaskStatus
  send?: 'task' | 'cancel'
  /** Milliseconds from now. */
  againInMs?: number[]
}

export function planTasks(gathered: TasksGathered): TaskPlan {
  const operations: TaskOperation[] = []
  const waits: number[] = []
  for (const task of gathered.tasks) {
    const { status, send, againInMs = [] } = planTask(task, gathered)
    if (status !== task.status) operations.push({ op: 'status', task, status })
    const agentId = gathered.machine?.status?.agentId
    if (send && agentId)
      operations.push({ op: 'send', task, kind: send, agentId, attempt: status.attempt ?? 1, deadline: deadlineOf(task, status) })
    waits.push(...againInMs)
  }
  return { operations, ...(waits.length > 0 && { againInMs: Math.max(50, Math.min(...waits)) }) }
}

export function deadlineOf(task: Task, status: TaskStatus | undefined): Date {
  if (task.spec.deadline) return new Date(task.spec.deadline)
  return new Date(Date.parse(queuedAt(task, status)) + defaultDeadlineMs)
}

const queuedAt = (task: Task, status: TaskStatus | undefined) =>
  status?.queuedAt ?? task.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z'

function planTask(task: Task, { machine, memory, now, monotonicMs }: TasksGathered): One {
  const attempt = task.spec.attempt ?? 1
  const old: TaskStatus = task.status ?? { state: 'Pending', attempt }
  const { generation } = task.metadata
  if (isTerminal(old.state)) {
    if (attempt <= (old.attempt ?? 1)) return { status: withConditions(old, undefined, generation, now) }
    return { status: nextAttempt(attempt, generation, now), againInMs: [0] }
  }
  const end = (state: 'Failed' | 'Canceled' | 'TimedOut', reason: string, message: string): One => {
    const status = { ...old, state: moveTask(old.state, state), reason, message, finishedAt: now.toISOString() }
    return { status: withConditions(status, undefined, generation, now) }
  }
  const lost = lostMachine(task, old, machine)
  if (lost) return end('Failed', lost.reason, lost.message)

  const isSent = old.agentId !== undefined || old.state !== 'Pending'
  const deadline = deadlineOf(task, old)
  const last = new Date(deadline.getTime() + graceMs)
  const isOver = now >= deadline
  if (!isSent && task.spec.cancel) return end('Canceled', 'Canceled', 'canceled before it was sent to the machine')
  if (!isSent && isOver)
    return end(
      'TimedOut',
      'DeadlineExceeded',
      `the deadline ${deadline.toISOString()} passed before it could be sent: ${whyNoAnswer(machine)}`,
    )
  if (now >= last)
    return end('TimedOut', 'AgentUnreachable', `no result came from the agent until ${last.toISOString()}: ${whyNoAnswer(machine)}`)

  const remembered = memory.get(task.metadata.uid ?? '')
  const stopping = task.spec.cancel ? 'cancel' : isOver ? 'deadline' : undefined
  const isConnected = isMachineConnected(machine)
  const wanted = stopping ? 'cancel' : old.state === 'Pending' ? 'task' : undefined
  const isDue = (remembered?.nextAtMs ?? 0) <= monotonicMs
  const isKnown = wanted === 'cancel' && remembered?.canceledAttempt === (old.attempt ?? 1)
  const send = isConnected && isDue && !isKnown ? wanted : undefined

  let status = old
  if (send === 'task' && !isSent) status = { ...status, attempt: old.attempt ?? attempt, agentId: machine?.status?.agentId }
  if (stopping && !status.cancelRequestedAt) status = { ...status, cancelRequestedAt: now.toISOString() }
  const { waiting, changesAt } = waitingFor({ task, status, machine, isConnected, stopping, remembered, deadline, last, now })
  status = withConditions(status, waiting, generation, now)
  const againInMs = [deadline, last, changesAt].filter((at) => at !== undefined && at > now).map((at) => Number(at) - now.getTime())
  if (isConnected && wanted && !isDue && remembered) againInMs.push(remembered.nextAtMs - monotonicMs)
  return { status, send, againInMs }
}

export function nextAttempt(
  attempt: number,
  generation: number | undefined,
  now: Date,
  { isOfHub = false, requestedBy }: { isOfHub?: boolean; requestedBy?: string } = {},
): TaskStatus {
  const status: TaskStatus = { state: 'Pending', attempt, ...(requestedBy !== undefined && { requestedBy }), queuedAt: now.toISOString() }
  const message = `attempt ${attempt} is about to be ${isOfHub ? 'begun' : 'sent'}`
  return withConditions(status, { reason: 'Queued', message }, generation, now, isOfHub)
}

function lostMachine(task: Task, status: TaskStatus, machine: Machine | undefined): { reason: string; message: string } | undefined {
  const { machine: name } = task.spec
  if (!machine) return { reason: 'MachineNotFound', message: `there is no machine ${name}` }
  if (machine.spec.revoked) return { reason: 'MachineRevoked', message: `the identity of machine ${name} was revoked` }
  const { creationTimestamp, uid } = machine.metadata
  const now = machine.status?.agentId
  const isOther = status.agentId !== undefined && now !== undefined && status.agentId !== now
  const isYounger = uid !== undefined && Date.parse(creationTimestamp ?? '') > Date.parse(queuedAt(task, status))
  if (!isOther && !isYounger) return undefined
  return { reason: 'MachineReplaced', message: `machine ${name} is not the one that this task was made for: it was enrolled anew since` }
}
