// The life of one attempt of a task. Owns which moves are legal; knows nothing of storage or wire.
//
//   Pending    entry: created, or spec.attempt raised.            exits: Delivered, Running, any terminal
//   Delivered  entry: the agent has it in its journal (hub).      exits: Running, any terminal
//   Running    entry: the agent's Started event.                  exits: any terminal
//   Succeeded, Failed, Canceled, TimedOut: terminal. Only a higher attempt leaves them, back to Pending.
//
// The hub moves Pending → Delivered, Pending → Canceled | TimedOut | Failed (never delivered, or refused). Everything else the agent's events move.
import { type TaskStateName, taskStates } from './task-states.ts'

const terminal = ['Succeeded', 'Failed', 'Canceled', 'TimedOut'] as const

export const legalMoves: Readonly<Record<TaskStateName, readonly TaskStateName[]>> = {
  Pending: ['Delivered', 'Running', ...terminal],
  Delivered: ['Running', ...terminal],
  Running: terminal,
  Succeeded: [],
  Failed: [],
  Canceled: [],
  TimedOut: [],
}

export function isTerminal(state: TaskStateName): boolean {
  return legalMoves[state].length === 0
}

export function isTaskState(value: unknown): value is TaskStateName {
  return taskStates.includes(value as TaskStateName)
}

export class IllegalTaskMove extends Error {
  constructor(from: TaskStateName, to: TaskStateName) {
    super(`a task cannot go from ${from} to ${to}`)
    this.name = 'IllegalTaskMove'
  }
}

/** Returns the new state; throws {@link IllegalTaskMove}. Staying where one is, is legal and changes nothing. */
export function moveTask(from: TaskStateName, to: TaskStateName): TaskStateName {
  if (from === to) return from
  if (!legalMoves[from].includes(to)) throw new IllegalTaskMove(from, to)
  return to
}

/** What arrives late or twice is judged by this: may an event of `attempt` that leads to `to` still change the task? */
export function canMoveTask(current: { state: TaskStateName; attempt: number }, next: { state: TaskStateName; attempt: number }): boolean {
  return next.attempt === current.attempt && legalMoves[current.state].includes(next.state)
}
