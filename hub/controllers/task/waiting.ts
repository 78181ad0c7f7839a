// Who a task that has not ended waits for: pure.
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import type { SendMemory } from './attempts.ts'
import type { Waiting } from './conditions.ts'

interface Facts {
  task: Task
  status: TaskStatus
  machine: Machine | undefined
  isConnected: boolean
  stopping: 'cancel' | 'deadline' | undefined
  remembered: SendMemory | undefined
  deadline: Date
  /** Deadline and grace. */
  last: Date
  now: Date
}
interface Found {
  waiting: Waiting
  /** When the answer is another one although nothing has happened. */
  changesAt?: Date
}

export const defaultTimeoutSeconds = 600
/** What the agent may take longer than the timeout that it keeps itself, before it is called overdue. */
const overdueMs = 30_000
const recorded = 'it is recorded as TimedOut'

export function isMachineConnected(machine: Machine | undefined): boolean {
  return machine?.status?.agentId !== undefined && findCondition(machine.status.conditions, 'Connected')?.status === 'True'
}

export function whyNoAnswer(machine: Machine | undefined): string {
  if (isMachineConnected(machine)) return 'the agent is connected but did not answer'
  const connected = findCondition(machine?.status?.conditions, 'Connected')
  return connected
    ? `the agent is not connected since ${connected.lastTransitionTime} (${connected.reason})`
    : 'the machine has never been connected'
}

export function waitingFor(facts: Facts): Found {
  const { task, status, isConnected, stopping, remembered, deadline, last } = facts
  const agent = `the agent of machine ${task.spec.machine}`
  if (!isConnected) return { waiting: { ...absent(facts), until: status.agentId ? last : deadline, next: recorded } }
  if (stopping) {
    const why = stopping === 'cancel' ? 'a cancel was asked for' : 'its deadline has passed'
    const problem = remembered?.problem ? ` (${remembered.problem.reason}: ${remembered.problem.message})` : ''
    const message = `${why}; waits for ${agent} to end it${problem}`
    return { waiting: { reason: 'Stopping', message, since: status.cancelRequestedAt, until: last, next: recorded } }
  }
  if (status.state !== 'Pending') return working(facts)
  const { reason = 'Sending', message: why } = remembered?.problem ?? {}
  const message = why ? `${agent} did not take it (${why}); it is sent again` : `waits for ${agent} to acknowledge it`
  return { waiting: { reason, message, until: deadline, next: recorded } }
}

function working({ task, status, deadline, now }: Facts): Found {
  const name = task.spec.machine
  const since = status.deliveredAt ?? status.startedAt ?? now.toISOString()
  const until = new Date(Date.parse(since) + (task.spec.timeoutSeconds ?? defaultTimeoutSeconds) * 1000)
  const changesAt = new Date(until.getTime() + overdueMs)
  const next = 'the agent ends it as TimedOut'
  if (now >= changesAt) {
    const message = `the agent of machine ${name} is connected but has not reported a result; it should have by ${until.toISOString()}`
    return { waiting: { reason: 'ResultOverdue', message, since, until: deadline, next: 'the agent is told to stop it' } }
  }
  if (status.state === 'Running')
    return { waiting: { reason: 'Running', message: `machine ${name} runs it`, since: status.startedAt, until, next }, changesAt }
  const message = `in the journal of machine ${name}, behind what runs there already`
  return { waiting: { reason: 'QueuedOnMachine', message, since, until, next }, changesAt }
}

function absent({ task, machine }: Facts): Waiting {
  const name = task.spec.machine
  if (machine?.spec.approved === false)
    return { reason: 'MachineDenied', message: `machine ${name} was denied; it waits for spec.approved: true` }
  if (!machine?.status?.agentId) {
    const since = machine?.metadata.creationTimestamp ?? undefined
    return { reason: 'MachineNotEnrolled', message: `waits for machine ${name} to be approved and enrolled`, since }
  }
  const connected = findCondition(machine.status.conditions, 'Connected')
  const message = `waits for the agent of machine ${name} to come back${connected ? ` (${connected.reason})` : ''}`
  return { reason: 'AgentDisconnected', message, since: connected?.lastTransitionTime ?? machine.status.lastHeartbeatTime }
}
