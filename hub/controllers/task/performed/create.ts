// The tasks that the hub performs itself, as the task controller sees them: one look at a machine's, and the end of what runs.
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import { writeStatus } from '../apply.ts'
import type { TasksGathered } from '../gather.ts'
import { planPerformed } from './plan.ts'
import { createRunner, type RunnerDeps } from './runner.ts'

export interface PerformingDeps extends Omit<RunnerDeps, 'onEnd'> {
  /** Performed at one time. */
  most?: number
  /** A machine has to be looked at again. */
  look(machine: string): void
}

export function createPerforming({ most = 8, look, ...deps }: PerformingDeps) {
  const waiting = new Set<string>()
  const runner = createRunner({
    ...deps,
    onEnd(machine) {
      look(machine)
      for (const name of waiting) look(name)
      waiting.clear()
    },
  })
  return {
    async reconcile(machine: string, gathered: TasksGathered): Promise<{ againInMs?: number }> {
      const { operations, againInMs } = planPerformed(gathered, { running: runner.running, most })
      let isStale = false
      for (const operation of operations) {
        const { task } = operation
        if (operation.op === 'stop') runner.stop(task.metadata.uid ?? '', operation.end)
        else if (operation.status !== task.status && !(await writeStatus(task, operation.status, deps.resources))) isStale = true
        // Another machine may have taken the last place while the status was written: then it runs beside it, once.
        else if (operation.op === 'run') runner.start({ ...task, status: operation.status }, operation)
      }
      if (gathered.tasks.some(({ status, metadata }) => !isTerminal(status?.state ?? 'Pending') && !runner.running.has(metadata.uid ?? '')))
        waiting.add(machine)
      if (isStale) return { againInMs: 0 }
      return againInMs.length > 0 ? { againInMs: Math.max(50, Math.min(...againInMs)) } : {}
    },
    /** Nobody waits for it any more: it ends, and undoes what it began. */
    deleted(task: Task): void {
      runner.stop(task.metadata.uid ?? '', { state: 'Canceled', reason: 'Canceled', message: 'the task was deleted' })
    },
    close: runner.close,
  }
}
