// Tasks by machine, kept by following changes: a fleet has many tasks, and a machine's controller asks only for its own.
import type { Task } from '#shared/contract/task.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Change } from '#hub/store/types.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface TaskIndex {
  /** Oldest first. */
  of(machine: string): Task[]
  follow(change: Change): void
  fill(): void
}

export function createTaskIndex(resources: Resources): TaskIndex {
  const byMachine = new Map<string, Map<string, Task>>()
  const put = (task: Task) => {
    let own = byMachine.get(task.spec.machine)
    if (!own) byMachine.set(task.spec.machine, (own = new Map()))
    own.set(task.metadata.name, task)
  }
  return {
    of: (machine) =>
      [...(byMachine.get(machine)?.values() ?? [])].sort((a, b) =>
        String(a.metadata.creationTimestamp ?? '') < String(b.metadata.creationTimestamp ?? '') ? -1 : 1,
      ),
    follow(change) {
      const task = change.object as Resource as Task
      if (change.type !== 'DELETED') return put(task)
      const own = byMachine.get(task.spec.machine)
      own?.delete(task.metadata.name)
      if (own?.size === 0) byMachine.delete(task.spec.machine)
    },
    fill() {
      for (const task of resources.list<Task>('Task').items) put(task)
    },
  }
}
