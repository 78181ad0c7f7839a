import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { useObject } from '../data/hooks.ts'
import { isFinished, preflightRows, taskState } from '../derive/task.ts'
import { Failed, Loading, Nothing } from './page.tsx'
import { PreflightTable } from './preflight-table.tsx'
import { Status } from './status.tsx'
import { TaskNote } from './task-table.tsx'
import { Age, Help } from './text.tsx'

/** The newest preflight of the machine, live while it runs. */
export function MachinePreflight({ machine, tasks }: { machine: Machine; tasks: readonly Task[] }) {
  const newest = tasks.find((task) => task.spec.action === 'preflight')?.metadata.name ?? machine.status?.preflight?.task
  if (!newest)
    return (
      <Nothing isSmall title="No preflight has run on this machine">
        <p>
          It tells whether Kubernetes can be installed here, and what to do when not. <Help term="Preflight" />
        </p>
        <p>It starts by itself when the machine first connects; “Run preflight” starts one now.</p>
      </Nothing>
    )
  return <PreflightOf key={newest} name={newest} />
}

export function PreflightOf({ name }: { name: string }) {
  const { object: task, isMissing, failure } = useObject('tasks', name)
  if (failure) return <Failed what="The preflight cannot be shown" failure={failure} />
  if (!task)
    return isMissing ? (
      <Nothing isSmall title="The preflight’s task was deleted">
        Run a new one to see its checks.
      </Nothing>
    ) : (
      <Loading what="the preflight" />
    )
  return (
    <div className="m-tab" aria-live="off">
      <p className="m-line">
        <Status state={taskState(task)} />
        {!isFinished(task) && task.status?.progress && (
          <span>
            <TaskNote task={task} />
          </span>
        )}
        <span className="m-dim">
          started <Age at={task.status?.startedAt ?? task.metadata.creationTimestamp} suffix="ago" />
        </span>
        <Link to={`/tasks/${encodeURIComponent(name)}`}>Task and log</Link>
      </p>
      <PreflightTable rows={preflightRows(task.status?.result)} isRunning={!isFinished(task)} />
    </div>
  )
}
