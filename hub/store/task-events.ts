// What an agent's event does to the status of its task: pure. Which moves are legal is in shared/contract/task-state.ts; a late, repeated or
// impossible event changes nothing.
import { canMoveTask, isTaskState, isTerminal } from '#shared/contract/task-state.ts'
import type { TaskStatus } from '#shared/contract/task.ts'

export type TaskEvent =
  | { type: 'started'; at: string }
  | { type: 'progress'; percent: number; message: string }
  | { type: 'row'; row: unknown }
  | { type: 'finished'; at: string; state: string; reason: string; message: string; result?: unknown }
  | { type: 'dropped'; count: number }

/** More rows than any action has; what is beyond is counted as dropped. */
export const maxResultRows = 2_000

/** Returns the same object when the event changes nothing. `attempt` is the one the event speaks of. */
export function foldTaskEvent(status: TaskStatus, attempt: number, event: TaskEvent): TaskStatus {
  const current = { state: status.state, attempt: status.attempt ?? 1 }
  if (attempt !== current.attempt || isTerminal(status.state)) return status
  switch (event.type) {
    case 'started': {
      // Again while it runs: the agent came back after a crash and does the action from its beginning, so rows come anew.
      const { result: _rows, progress: _progress, ...rest } = status
      return { ...rest, state: 'Running', startedAt: status.startedAt ?? event.at }
    }
    case 'progress': {
      const percent = Math.min(100, Math.max(0, Math.trunc(event.percent) || 0))
      return { ...status, progress: { percent, message: event.message.slice(0, 1024) } }
    }
    case 'row': {
      const rows = resultRows(status)
      if (rows.length >= maxResultRows) return drop(status, 1)
      return { ...status, result: { rows: [...rows, event.row] } }
    }
    case 'dropped':
      return drop(status, event.count)
    case 'finished': {
      const { state } = event
      if (!isTaskState(state) || !isTerminal(state) || !canMoveTask(current, { state, attempt })) return status
      const next: TaskStatus = { ...status, state, finishedAt: event.at }
      if (event.reason) next.reason = event.reason.slice(0, 128)
      if (event.message) next.message = event.message.slice(0, 4096)
      if (event.result !== undefined) next.result = event.result
      return next
    }
  }
}

function resultRows(status: TaskStatus): unknown[] {
  const rows = (status.result as { rows?: unknown } | undefined)?.rows
  return Array.isArray(rows) ? rows : []
}

function drop(status: TaskStatus, count: number): TaskStatus {
  if (count <= 0) return status
  return { ...status, droppedEvents: Math.min(Number.MAX_SAFE_INTEGER, (status.droppedEvents ?? 0) + count) }
}
