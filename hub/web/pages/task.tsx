// One task: where it stands and why, what it was asked, what came out, what the machine printed.
import { Button } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from 'react-router'
import type { Facts } from '#shared/contract/facts.ts'
import type { Task } from '#shared/contract/task.ts'
import { cancelTask, deleteObject, patchSpec } from '../api/client.ts'
import { ConfirmButton } from '../components/confirm.tsx'
import { FactsView, Pairs } from '../components/facts.tsx'
import { FailureAlert } from '../components/failure-alert.tsx'
import { LiveLog } from '../components/live-log.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { PreflightTable } from '../components/preflight-table.tsx'
import { StatusLabel } from '../components/status.tsx'
import { TaskProgress, TaskStanding } from '../components/task-progress.tsx'
import { Duration } from '../components/task-table.tsx'
import { Age, Dim, Plain } from '../components/text.tsx'
import { useObject } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { formatBytes, formatTime, printable } from '../derive/format.ts'
import { isFacts, isFinished, preflightRows, taskState } from '../derive/task.ts'

const parent = ['Tasks', '/tasks'] as const

export function TaskPage() {
  const { name = '' } = useParams()
  const { object: task, isMissing, failure } = useObject('tasks', name)
  if (task) return <Loaded key={task.metadata.uid} task={task} />
  return (
    <PageFrame title={name} parent={parent}>
      {failure ? (
        <Failed what="The task cannot be shown" failure={failure} />
      ) : isMissing ? (
        <Nothing title="There is no task of this name" action={<Link to="/tasks">All tasks</Link>}>
          It may have been deleted, by hand or together with its machine.
        </Nothing>
      ) : (
        <Loading what="the task" />
      )}
    </PageFrame>
  )
}

/** JSON of any size as text; lines are cut so that one value cannot take the page. */
function Json({ value }: { value: unknown }) {
  const text = JSON.stringify(value, null, 2) ?? ''
  const lines = text.split('\n').map((line) => printable(line, 2_000))
  return (
    <pre className="m-json">
      {lines.slice(0, 2_000).join('\n')}
      {lines.length > 2_000 && '\n… the rest is in the object: kubectl get task -o yaml'}
    </pre>
  )
}

function Result({ task }: { task: Task }) {
  const result = task.status?.result
  if (task.spec.action === 'preflight') return <PreflightTable rows={preflightRows(result)} isRunning={!isFinished(task)} />
  if (result === undefined || result === null)
    return <p className="m-dim">{isFinished(task) ? 'The task has no result.' : 'It appears here when the task ends.'}</p>
  if (task.spec.action === 'facts' && isFacts(result)) return <FactsView facts={result as Facts} />
  return <Json value={result} />
}

function Loaded({ task }: { task: Task }) {
  const { name } = task.metadata
  const { spec, status } = task
  const { canOperate } = useRole()
  const navigate = useNavigate()
  const isOver = isFinished(task)
  const attempt = status?.attempt ?? spec.attempt ?? 1
  const cancel = useMutation({ mutationFn: () => cancelTask(name) })
  const again = useMutation({ mutationFn: () => patchSpec('tasks', name, { attempt: attempt + 1 }) })
  const isCanceling = spec.cancel === true || status?.cancelRequestedAt !== undefined || cancel.isPending
  const actions = (
    <>
      {isOver ? (
        <Button variant="primary" onClick={() => again.mutate()} isDisabled={!canOperate || again.isPending}>
          Run again
        </Button>
      ) : (
        <Button variant="secondary" isDanger onClick={() => cancel.mutate()} isDisabled={!canOperate || isCanceling}>
          {isCanceling ? 'Canceling' : 'Cancel'}
        </Button>
      )}
      {isOver && (
        <ConfirmButton
          verb="Delete"
          title={`Delete the task ${name}?`}
          isDisabled={!canOperate}
          run={() => deleteObject('tasks', name)}
          onDone={() => void navigate('/tasks')}
        >
          Its result and its log go with it. What it did on the machine stays.
        </ConfirmButton>
      )}
    </>
  )
  return (
    <PageFrame title={name} parent={parent} badge={<StatusLabel state={taskState(task)} />} actions={actions}>
      <FailureAlert title="The task was not canceled" error={cancel.error} />
      <FailureAlert title="The task was not started again" error={again.error} />
      <TaskProgress task={task} />
      <TaskStanding task={task} />
      <Pairs
        pairs={[
          [
            'Machine',
            <Link key="machine" to={`/machines/${encodeURIComponent(spec.machine)}`}>
              {spec.machine}
            </Link>,
          ],
          ['Action', <Plain key="action">{spec.action}</Plain>],
          ['Attempt', attempt, 'Attempt'],
          ['Ran for', <Duration key="duration" task={task} />],
          ['Created', <Age key="created" at={task.metadata.creationTimestamp} suffix="ago" />],
          ['Deadline', spec.deadline ? formatTime(spec.deadline) : <Dim>{`${spec.timeoutSeconds ?? 600} s after acceptance`}</Dim>],
          ...(status?.logBytes ? [['Log', formatBytes(status.logBytes)] as const] : []),
          ...(status?.droppedEvents ? [['Dropped events', status.droppedEvents, 'Dropped events'] as const] : []),
        ]}
      />
      {spec.input !== undefined && Object.keys(spec.input as object).length > 0 && (
        <section aria-labelledby="input">
          <h2 className="m-section-title m-section-head" id="input">
            Input
          </h2>
          <Json value={spec.input} />
        </section>
      )}
      <section aria-labelledby="result">
        <h2 className="m-section-title m-section-head" id="result">
          {spec.action === 'preflight' ? 'Checks' : 'Result'}
        </h2>
        <Result task={task} />
      </section>
      <section aria-labelledby="log">
        <h2 className="m-section-title m-section-head" id="log">
          Log
        </h2>
        <LiveLog key={attempt} task={name} attempt={attempt} isOver={isOver} />
      </section>
    </PageFrame>
  )
}
