// What to do about the tasks of one machine that the hub performs itself: pure. Rules for each, first that fits:
//
//  1 ended, and spec.attempt was raised           → Pending again, nothing of the last attempt left
//  2 ended                                        → conditions say so
//  3 runs here, and has to end                    → it is told to stop; it undoes what it began, then says how it ended
//  4 runs here                                    → says so
//  5 Running, but not here: the hub was restarted → taken up again, or, when it has to end, only undone
//  6 has to end and never ran                     → ended
//  7 another one runs for this machine, or too many for others → waits, and says for what
//  8 anything else                                → Running (durable), then begun
//
// It has to end when a cancel was asked for, its deadline has passed, or its machine is gone.
import { moveTask, isTerminal } from '#shared/contract/task-state.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { withConditions } from '../conditions.ts'
import type { TasksGathered } from '../gather.ts'
import { deadlineOf, nextAttempt } from '../plan.ts'
import { defaultTimeoutSeconds } from '../waiting.ts'
import type { StopEnd } from './types.ts'

export type PerformedOperation =
  | { op: 'status'; task: Task; status: TaskStatus }
  /** The status is written first; `end` means: only undo, then end like this. */
  | { op: 'run'; task: Task; status: TaskStatus; isResumed: boolean; end?: StopEnd }
  | { op: 'stop'; task: Task; end: StopEnd }

export interface Performing {
  /** Attempts that run in this process, by task uid. */
  running: ReadonlyMap<string, { machine: string; isStopping: boolean }>
  /** How many may run at one time. */
  most: number
}

export function planPerformed(
  gathered: Pick<TasksGathered, 'machine' | 'tasks' | 'now'>,
  { running, most }: Performing,
): { operations: PerformedOperation[]; againInMs: number[] } {
  const { machine, tasks, now } = gathered
  const operations: PerformedOperation[] = []
  const againInMs: number[] = []
  let places = most - running.size
  let isBusy = [...running.values()].some((run) => tasks[0] !== undefined && run.machine === tasks[0].spec.machine)
  for (const task of tasks) {
    const { generation, uid = '' } = task.metadata
    const attempt = task.spec.attempt ?? 1
    const old: TaskStatus = task.status ?? { state: 'Pending', attempt }
    const say = (status: TaskStatus, waiting?: Parameters<typeof withConditions>[1]) =>
      withConditions(status, waiting, generation, now, true)
    const put = (status: TaskStatus) => {
      if (status !== task.status) operations.push({ op: 'status', task, status })
    }
    const here = running.get(uid)
    if (isTerminal(old.state)) {
      const { requestedBy } = old
      put(attempt > (old.attempt ?? 1) ? nextAttempt(attempt, generation, now, { isOfHub: true, requestedBy }) : say(old))
      continue
    }
    const end = endOf(task, old, machine !== undefined && machine.spec.revoked !== true, now)
    const deadline = deadlineOf(task, old)
    if (!end) againInMs.push(deadline.getTime() - now.getTime())
    if (here) {
      if (end && !here.isStopping) operations.push({ op: 'stop', task, end })
      const waiting = here.isStopping || end ? stopping(old, now) : working(old, task)
      put(say(end && !old.cancelRequestedAt ? { ...old, cancelRequestedAt: now.toISOString() } : old, waiting))
      continue
    }
    if (old.state === 'Pending' && end) {
      put(say({ ...old, state: moveTask(old.state, end.state), reason: end.reason, message: end.message, finishedAt: now.toISOString() }))
      continue
    }
    if (isBusy || places <= 0) {
      const message = isBusy ? `another task of machine ${task.spec.machine} runs` : `${most} tasks of other machines run`
      put(say(old, { reason: 'QueuedInHub', message, until: deadline, next: 'it is recorded as TimedOut' }))
      continue
    }
    isBusy = true
    places--
    const status: TaskStatus = {
      ...old,
      state: moveTask(old.state, 'Running'),
      attempt: old.attempt ?? attempt,
      startedAt: old.startedAt ?? now.toISOString(),
    }
    operations.push({
      op: 'run',
      task,
      status: say(status, working(status, task)),
      isResumed: old.state === 'Running',
      ...(end && { end }),
    })
  }
  return { operations, againInMs }
}

function endOf(
  task: Task,
  status: TaskStatus,
  hasMachine: boolean,
  now: Date,
): (StopEnd & { state: 'Canceled' | 'TimedOut' | 'Failed' }) | undefined {
  const { machine } = task.spec
  if (!hasMachine) return { state: 'Failed', reason: 'MachineNotFound', message: `machine ${machine} was deleted or revoked` }
  if (task.spec.cancel) return { state: 'Canceled', reason: 'Canceled', message: 'canceled' }
  const deadline = deadlineOf(task, status)
  if (now >= deadline) return { state: 'TimedOut', reason: 'DeadlineExceeded', message: `the deadline ${deadline.toISOString()} passed` }
  return undefined
}

function working(status: TaskStatus, task: Task) {
  const timeoutSeconds = task.spec.timeoutSeconds ?? defaultTimeoutSeconds
  return {
    reason: 'Running',
    message: `the hub performs it; it may take ${timeoutSeconds} s, then it is ended and undone`,
    since: status.startedAt,
  }
}

function stopping(status: TaskStatus, now: Date) {
  return { reason: 'Undoing', message: 'it has to end; what it began is undone', since: status.cancelRequestedAt ?? now.toISOString() }
}
