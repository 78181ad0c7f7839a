// The three conditions of a Task. `Delivered`: the agent has it in its journal. `Finished`: it has ended, however. `Waiting`: who is
// waited for, since when, until when, and what happens then; there while the task has not ended.
import { findCondition, setCondition } from '#shared/contract/conditions.ts'
import type { Condition } from '#shared/contract/meta.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { TaskStatus } from '#shared/contract/task.ts'

export interface Waiting {
  reason: string
  /** Who blocks it and what is done about it. */
  message: string
  since?: string
  until?: Date
  /** What happens at `until`. */
  next?: string
}

function sentence({ message, since, until, next }: Waiting): string {
  const parts = [message]
  if (since) parts.push(`since ${since}`)
  if (until) parts.push(`until ${until.toISOString()}${next ? `, then ${next}` : ''}`)
  return parts.join('; ').slice(0, 4096)
}

function delivered(status: TaskStatus, isOfHub: boolean): { status: 'True' | 'False'; reason: string; message: string } {
  if (isOfHub) return { status: 'True', reason: 'PerformedByHub', message: 'the hub performs it itself' }
  if (status.deliveredAt || status.startedAt || status.state === 'Delivered' || status.state === 'Running')
    return { status: 'True', reason: 'InJournal', message: 'the agent has it in its journal' }
  if (isTerminal(status.state)) return { status: 'False', reason: 'Ended', message: 'it ended before the agent acknowledged it' }
  if (status.agentId) return { status: 'False', reason: 'Sending', message: 'it is being sent to the agent' }
  return { status: 'False', reason: 'NotSent', message: 'it has not been sent yet' }
}

/** The status with conditions that fit its state; the same object when they did. `isOfHub`: no agent is involved. */
export function withConditions(
  status: TaskStatus,
  waiting: Waiting | undefined,
  observedGeneration: number | undefined,
  now: Date,
  isOfHub = false,
): TaskStatus {
  const before = (status.conditions ?? []) as Condition[]
  const isEnded = isTerminal(status.state)
  let next = setCondition(before, { observedGeneration, type: 'Delivered', ...delivered(status, isOfHub) }, now)
  const reason = (isEnded && status.reason) || status.state
  const message = (isEnded && status.message) || ''
  next = setCondition(next, { observedGeneration, type: 'Finished', status: isEnded ? 'True' : 'False', reason, message }, now)
  if (waiting && !isEnded)
    next = setCondition(
      next,
      { observedGeneration, type: 'Waiting', status: 'True', reason: waiting.reason, message: sentence(waiting) },
      now,
    )
  else if (findCondition(next, 'Waiting')) next = next.filter((condition) => condition.type !== 'Waiting')
  return next === before ? status : { ...status, conditions: next }
}
