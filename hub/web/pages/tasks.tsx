import TasksIcon from '@patternfly/react-icons/dist/esm/icons/tasks-icon'
import { Link } from 'react-router'
import type { Task } from '#shared/contract/task.ts'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { type Column, type Filter, ResourceTable } from '../components/resource-table.tsx'
import { Status } from '../components/status.tsx'
import { Duration, TaskLink, TaskNote } from '../components/task-table.tsx'
import { Age, Plain } from '../components/text.tsx'
import { useList } from '../data/hooks.ts'
import { createdAt, taskState, taskStateOrder } from '../derive/task.ts'

const columns: Column<Task>[] = [
  { key: 'name', title: 'Task', sortValue: (task) => task.metadata.name, cell: (task) => <TaskLink task={task} /> },
  { key: 'action', title: 'Action', sortValue: (task) => task.spec.action, cell: (task) => <Plain max={64}>{task.spec.action}</Plain> },
  {
    key: 'machine',
    title: 'Machine',
    sortValue: (task) => task.spec.machine,
    cell: (task) => <Link to={`/machines/${encodeURIComponent(task.spec.machine)}`}>{task.spec.machine}</Link>,
  },
  {
    key: 'state',
    title: 'State',
    sortValue: (task) => taskStateOrder.indexOf(taskState(task)),
    cell: (task) => <Status state={taskState(task)} />,
    modifier: 'nowrap',
  },
  { key: 'note', title: 'Note', cell: (task) => <TaskNote task={task} /> },
  { key: 'duration', title: 'Ran for', cell: (task) => <Duration task={task} />, modifier: 'nowrap' },
  {
    key: 'age',
    title: 'Created',
    sortValue: createdAt,
    cell: (task) => <Age at={task.metadata.creationTimestamp} suffix="ago" />,
    modifier: 'nowrap',
  },
]
const filters: Filter<Task>[] = [
  { key: 'state', title: 'State', known: taskStateOrder, labels: { TimedOut: 'Timed out' }, valuesOf: (task) => [taskState(task)] },
  { key: 'action', title: 'Action', valuesOf: (task) => [task.spec.action] },
]
const textOf = (task: Task) =>
  [task.metadata.name, task.spec.machine, task.spec.action, task.status?.message, task.status?.reason].join(' ')

export function TasksPage() {
  const { items, isComplete, state } = useList('tasks')
  return (
    <PageFrame title="Tasks" description="Work on machines: durable, resumed after a crash, never done twice.">
      {state.phase === 'refused' ? (
        <Failed what="The tasks cannot be shown" failure={state.failure} />
      ) : !isComplete && items.length === 0 ? (
        <Loading what="tasks" />
      ) : (
        <ResourceTable
          label="Tasks"
          rows={items}
          keyOf={(task) => task.metadata.name}
          columns={columns}
          filters={filters}
          textOf={textOf}
          searchHint="Name, machine, action, message"
          defaultSort="-age"
          empty={
            <Nothing title="No task has run yet" icon={TasksIcon} action={<Link to="/machines">To the machines</Link>}>
              Open a machine and run its preflight, or apply a Task with kubectl.
            </Nothing>
          }
        />
      )}
    </PageFrame>
  )
}
