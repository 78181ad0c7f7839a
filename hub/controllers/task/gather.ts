// Everything the plan of one machine's tasks looks at, read once.
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Attempts, SendMemory } from './attempts.ts'
import type { TaskIndex } from './task-index.ts'

export interface TasksGathered {
  machine: Machine | undefined
  /** Those that still need something, oldest first. */
  tasks: Task[]
  memory: ReadonlyMap<string, SendMemory>
  now: Date
  monotonicMs: number
}

export function gatherTasks(
  name: string,
  deps: { resources: Resources; index: TaskIndex; attempts: Attempts; now: Date; monotonicMs: number },
): TasksGathered {
  const tasks = deps.index
    .of(name)
    .map((task) => deps.resources.get<Task>('Task', task))
    .filter((task) => task !== undefined)
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  const machine = deps.resources.get<Machine>('Machine', name)
  return { machine, tasks, memory: deps.attempts.all(), now: deps.now, monotonicMs: deps.monotonicMs }
}

const orderOf = (task: Task) => `${task.status?.queuedAt ?? task.metadata.creationTimestamp ?? ''} ${task.metadata.name}`
