// Which finished tasks are old enough to go: pure. Per machine the newest are kept whatever their age, and the young whatever their number.
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Task } from '#shared/contract/task.ts'

export interface CleanUpRule {
  keepPerMachine: number
  keepMs: number
}
export const defaultCleanUp: CleanUpRule = { keepPerMachine: 200, keepMs: 7 * 24 * 3_600_000 }

export function tasksToDelete(tasks: readonly Task[], { keepPerMachine, keepMs }: CleanUpRule, now: Date): Task[] {
  const byMachine = new Map<string, { task: Task; endedMs: number }[]>()
  for (const task of tasks) {
    const { spec, status, metadata } = task
    if (!status?.finishedAt || !isTerminal(status.state)) continue
    if ((spec.attempt ?? 1) > (status.attempt ?? 1) || metadata.deletionTimestamp) continue
    const list = byMachine.get(spec.machine) ?? []
    byMachine.set(spec.machine, list)
    list.push({ task, endedMs: Date.parse(status.finishedAt) })
  }
  return [...byMachine.values()].flatMap((list) =>
    list
      .sort((a, b) => b.endedMs - a.endedMs)
      .slice(keepPerMachine)
      .filter(({ endedMs }) => now.getTime() - endedMs > keepMs)
      .map(({ task }) => task),
  )
}
