// Names of the tasks that still need something, by machine: those that have ended are many, and nobody looks at them here.
import { findCondition } from '#shared/contract/conditions.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Change } from '#hub/store/types.ts'

/** Not ended, to be run again, or ended by the agent's events with conditions that do not say so yet. */
export function needsWork(task: Task): boolean {
  const { status } = task
  if (!status || !isTerminal(status.state)) return true
  if ((task.spec.attempt ?? 1) > (status.attempt ?? 1)) return true
  return findCondition(status.conditions, 'Finished')?.status !== 'True'
}

export function createTaskIndex(resources: Resources) {
  const byMachine = new Map<string, Set<string>>()
  const put = (task: Task, isWanted: boolean) => {
    const { machine } = task.spec
    const names = byMachine.get(machine) ?? new Set()
    if (isWanted) names.add(task.metadata.name)
    else names.delete(task.metadata.name)
    if (names.size > 0) byMachine.set(machine, names)
    else byMachine.delete(machine)
  }
  return {
    of: (machine: string): string[] => [...(byMachine.get(machine) ?? [])],
    machines: () => [...byMachine.keys()],
    follow(change: Change): void {
      const task = change.object as Resource as Task
      put(task, change.type !== 'DELETED' && needsWork(task))
    },
    fill(): void {
      for (const task of resources.list<Task>('Task').items) put(task, needsWork(task))
    },
  }
}
export type TaskIndex = ReturnType<typeof createTaskIndex>
