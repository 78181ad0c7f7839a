// A short list of tasks without search or paging: on the overview and on a machine's page.
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import { Link } from 'react-router'
import type { Task } from '#shared/contract/task.ts'
import { useNow } from '../data/hooks.ts'
import { formatDuration } from '../derive/format.ts'
import { isFinished, runMs, taskState, waitingOf } from '../derive/task.ts'
import { Nothing } from './page.tsx'
import { Status } from './status.tsx'
import { Age, Dim, Plain } from './text.tsx'

export function TaskLink({ task }: { task: Task }) {
  return <Link to={`/tasks/${encodeURIComponent(task.metadata.name)}`}>{task.metadata.name}</Link>
}

/** What the task is at, or how it ended, in a line. */
export function TaskNote({ task }: { task: Task }) {
  const { status } = task
  if (!isFinished(task)) {
    if (status?.cancelRequestedAt) return <Plain max={160}>Cancel requested</Plain>
    if (status?.progress) return <Plain max={160}>{`${status.progress.percent} % ${status.progress.message}`}</Plain>
    const waiting = waitingOf(task)
    // Its times are on the task's page.
    return waiting ? <Plain max={160}>{waiting.message.split('; ')[0] ?? ''}</Plain> : <Dim>–</Dim>
  }
  const said = status?.message || status?.reason
  return said ? <Plain max={160}>{said}</Plain> : <Dim>–</Dim>
}

export function Duration({ task }: { task: Task }) {
  const now = useNow(5_000)
  const ran = runMs(task, now)
  return ran === undefined ? <Dim>–</Dim> : <span className="m-nowrap">{formatDuration(ran)}</span>
}

export function TaskTable({ tasks, label, isOfMachine }: { tasks: readonly Task[]; label: string; isOfMachine?: boolean }) {
  if (tasks.length === 0)
    return (
      <Nothing isSmall title="No task yet">
        Tasks appear here when a machine is approved, or when you run a preflight.
      </Nothing>
    )
  return (
    <Table aria-label={label} variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>Task</Th>
          <Th>Action</Th>
          {!isOfMachine && <Th>Machine</Th>}
          <Th>State</Th>
          <Th>Note</Th>
          <Th modifier="nowrap">Ran for</Th>
          <Th>Age</Th>
        </Tr>
      </Thead>
      <Tbody>
        {tasks.map((task) => (
          <Tr key={task.metadata.name}>
            <Td dataLabel="Task">
              <TaskLink task={task} />
            </Td>
            <Td dataLabel="Action">
              <Plain max={64}>{task.spec.action}</Plain>
            </Td>
            {!isOfMachine && (
              <Td dataLabel="Machine" modifier="nowrap">
                <Link to={`/machines/${encodeURIComponent(task.spec.machine)}`}>{task.spec.machine}</Link>
              </Td>
            )}
            <Td dataLabel="State">
              <Status state={taskState(task)} />
            </Td>
            <Td dataLabel="Note" modifier="breakWord">
              <TaskNote task={task} />
            </Td>
            <Td dataLabel="Ran for">
              <Duration task={task} />
            </Td>
            <Td dataLabel="Age">
              <Age at={task.metadata.creationTimestamp} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  )
}
