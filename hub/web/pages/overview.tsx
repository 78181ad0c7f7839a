// The fleet at a glance: how many of what, what needs a person, what has just run. Every number leads to the rows behind it.
import { Button } from '@patternfly/react-core'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { Status } from '../components/status.tsx'
import { TaskTable } from '../components/task-table.tsx'
import { Age, Plain } from '../components/text.tsx'
import { useList, useNow } from '../data/hooks.ts'
import { type AttentionItem, attention } from '../derive/attention.ts'
import { formatCount, plural } from '../derive/format.ts'
import { countBy, machinePhase, machinePhases, preflightVerdict } from '../derive/machine.ts'
import { newestFirst, taskState } from '../derive/task.ts'
import { joinButton } from './machines.tsx'

interface TileProps {
  title: string
  to: string
  total: number
  of?: 'cluster'
  /** [state, how many, where they are]; states without any are left out unless they are `always`. */
  parts: readonly (readonly [string, number, string])[]
  always?: readonly string[]
}

function Tile({ title, to, total, parts, of, always = [] }: TileProps) {
  return (
    <section className="m-tile" aria-label={title}>
      <div className="m-tile-head">
        <h2 className="m-section-title">{title}</h2>
        <Link to={to} className="m-number" aria-label={`${formatCount(total)} ${title.toLowerCase()}`}>
          {formatCount(total)}
        </Link>
      </div>
      {total === 0 && <p className="m-dim">none yet</p>}
      <ul>
        {parts
          .filter(([state, count]) => count > 0 || always.includes(state))
          .map(([state, count, path]) => (
            <li key={state}>
              <Status state={state} of={of} />
              {count > 0 ? (
                <Link to={path} className="m-count" aria-label={`${formatCount(count)} ${state} ${title.toLowerCase()}`}>
                  {formatCount(count)}
                </Link>
              ) : (
                <span className="m-count m-dim">0</span>
              )}
            </li>
          ))}
      </ul>
    </section>
  )
}

const topicState = { danger: 'failed', warning: 'warning', info: 'none' } as const

function AttentionList({ items }: { items: readonly AttentionItem[] }) {
  const [limit, setLimit] = useState(10)
  if (items.length === 0)
    return (
      <Nothing isSmall title="Nothing needs attention" icon={CheckCircleIcon} status="success">
        No approval is pending, every approved machine and every cluster is reached, and no task has failed within a day.
      </Nothing>
    )
  return (
    <>
      <ul className="m-attention">
        {items.slice(0, limit).map((item) => (
          <li key={item.key}>
            <Status state={topicState[item.severity]}>{item.topic}</Status>
            <span className="m-strong">
              <Plain max={96}>{item.subject}</Plain>
            </span>
            <span>
              <Plain max={240}>{item.detail}</Plain>
            </span>
            <Age at={item.since} />
            <Link to={item.to} className="m-nowrap" aria-label={`${item.action}: ${item.topic}, ${item.subject}`}>
              {item.action}
            </Link>
          </li>
        ))}
      </ul>
      {items.length > limit && (
        <Button variant="link" isInline onClick={() => setLimit(limit + 40)}>
          Show {Math.min(40, items.length - limit)} more of {formatCount(items.length - limit)}
        </Button>
      )}
    </>
  )
}

export function OverviewPage() {
  const machines = useList('machines')
  const clusters = useList('clusters')
  const tasks = useList('tasks')
  const now = useNow()
  const needs = useMemo(
    () => attention(machines.items, tasks.items, now, clusters.items),
    [machines.items, tasks.items, now, clusters.items],
  )
  const recent = useMemo(() => newestFirst(tasks.items).slice(0, 8), [tasks.items])
  const byPhase = useMemo(() => countBy(machines.items, machinePhase), [machines.items])
  const byPreflight = useMemo(() => countBy(machines.items, preflightVerdict), [machines.items])
  const byCluster = useMemo(() => countBy(clusters.items, (cluster) => cluster.status?.phase ?? 'Pending'), [clusters.items])
  const byTask = useMemo(() => countBy(tasks.items, taskState), [tasks.items])

  const refused = [machines, clusters, tasks].find(({ state }) => state.phase === 'refused')?.state
  if (refused?.phase === 'refused')
    return (
      <PageFrame title="Overview">
        <Failed what="The fleet cannot be shown" failure={refused.failure} />
      </PageFrame>
    )
  const isReady = machines.isComplete && clusters.isComplete && tasks.isComplete
  if (!isReady && machines.items.length === 0)
    return (
      <PageFrame title="Overview">
        <Loading what="the fleet" />
      </PageFrame>
    )
  if (machines.items.length === 0 && clusters.items.length === 0)
    return (
      <PageFrame title="Overview">
        <Nothing title="The fleet is empty" icon={ServerIcon} action={joinButton()}>
          Join the first machine: one command on it, one outbound port, nothing that listens. Its preflight runs as soon as you approve it.
        </Nothing>
      </PageFrame>
    )
  const count = (counts: ReadonlyMap<string, number>, key: string) => counts.get(key) ?? 0
  return (
    <PageFrame title="Overview" actions={joinButton()}>
      <div className="m-tiles">
        <Tile
          title="Machines"
          to="/machines"
          total={machines.items.length}
          always={['Connected', 'Disconnected']}
          parts={machinePhases.map((phase) => [phase, count(byPhase, phase), `/machines?phase=${phase}`])}
        />
        <Tile
          title="Preflight"
          to="/machines?sort=preflight"
          total={machines.items.length - count(byPreflight, 'none')}
          always={['failed']}
          parts={(['failed', 'unknown', 'warnings', 'passed', 'none'] as const).map((verdict) => [
            verdict,
            count(byPreflight, verdict),
            `/machines?preflight=${verdict}`,
          ])}
        />
        <Tile
          title="Clusters"
          to="/clusters"
          total={clusters.items.length}
          of="cluster"
          parts={['Failed', 'Creating', 'Updating', 'Deleting', 'Pending', 'Running'].map((phase) => [
            phase,
            count(byCluster, phase),
            `/clusters?phase=${phase}`,
          ])}
        />
        <Tile
          title="Tasks"
          to="/tasks"
          total={tasks.items.length}
          always={['Running', 'Failed']}
          parts={['Running', 'Delivered', 'Pending', 'Failed', 'TimedOut', 'Canceled', 'Succeeded'].map((state) => [
            state,
            count(byTask, state),
            `/tasks?state=${state}`,
          ])}
        />
      </div>
      <section aria-labelledby="needs-attention">
        <h2 className="m-section-title m-section-head" id="needs-attention">
          Needs attention {needs.length > 0 && <span className="m-dim">{formatCount(needs.length)}</span>}
        </h2>
        <AttentionList items={needs} />
      </section>
      <section aria-labelledby="recent-tasks">
        <div className="m-tile-head m-section-head">
          <h2 className="m-section-title" id="recent-tasks">
            Recent tasks
          </h2>
          <Link to="/tasks">All {plural(tasks.items.length, 'task')}</Link>
        </div>
        <TaskTable tasks={recent} label="Recent tasks" />
      </section>
    </PageFrame>
  )
}
