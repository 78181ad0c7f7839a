// Every machine of the fleet, and first those that wait for a person.
import { Button } from '@patternfly/react-core'
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { Approvals } from '../components/approvals.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { type Column, type Filter, ResourceTable } from '../components/resource-table.tsx'
import { Status } from '../components/status.tsx'
import { Age, Dim, Plain } from '../components/text.tsx'
import { useList } from '../data/hooks.ts'
import { plural } from '../derive/format.ts'
import { isAwaitingApproval, machineAddress, machinePhase, machinePhases, preflightVerdict } from '../derive/machine.ts'
import { createdAt } from '../derive/task.ts'

const roleNames: Readonly<Record<string, string>> = { controlPlane: 'Control plane', worker: 'Worker' }

const columns: Column<Machine>[] = [
  {
    key: 'name',
    title: 'Name',
    sortValue: (machine) => machine.metadata.name,
    cell: (machine) => (
      <>
        <Link to={`/machines/${encodeURIComponent(machine.metadata.name)}`}>{machine.metadata.name}</Link>
        {machine.spec.displayName && (
          <div className="m-sub">
            <Plain max={64}>{machine.spec.displayName}</Plain>
          </div>
        )}
      </>
    ),
  },
  {
    key: 'phase',
    title: 'Phase',
    sortValue: machinePhase,
    cell: (machine) => <Status state={machinePhase(machine)} />,
    modifier: 'nowrap',
  },
  {
    key: 'preflight',
    title: 'Preflight',
    sortValue: (machine) => ['failed', 'unknown', 'warnings', 'none', 'passed'].indexOf(preflightVerdict(machine)),
    cell: (machine) => {
      const summary = machine.status?.preflight?.summary
      const verdict = preflightVerdict(machine)
      const count =
        verdict === 'failed' ? summary?.fail : verdict === 'unknown' ? summary?.unknown : verdict === 'warnings' ? summary?.warn : undefined
      return (
        <Status state={verdict}>
          {count === undefined ? undefined : verdict === 'warnings' ? plural(count, 'warning') : `${count} ${verdict}`}
        </Status>
      )
    },
    modifier: 'nowrap',
  },
  {
    key: 'cluster',
    title: 'Cluster',
    sortValue: (machine) => machine.spec.clusterRef,
    cell: ({ spec }) =>
      spec.clusterRef ? <Link to={`/clusters/${encodeURIComponent(spec.clusterRef)}`}>{spec.clusterRef}</Link> : <Dim>–</Dim>,
  },
  {
    key: 'role',
    title: 'Role',
    sortValue: (machine) => machine.spec.role,
    cell: ({ spec }) => (spec.role ? (roleNames[spec.role] ?? <Plain>{spec.role}</Plain>) : <Dim>–</Dim>),
    isSecondary: true,
    modifier: 'nowrap',
  },
  {
    key: 'address',
    title: 'Address',
    sortValue: machineAddress,
    cell: (machine) => <Plain max={48}>{machineAddress(machine) || '–'}</Plain>,
  },
  {
    key: 'os',
    title: 'System',
    sortValue: (machine) => machine.status?.facts?.os.prettyName,
    cell: ({ status }) =>
      status?.facts ? <Plain max={32}>{status.facts.os.prettyName.replace(/ ?GNU\/Linux| \(.*\)$/g, '')}</Plain> : <Dim>–</Dim>,
    isSecondary: true,
  },
  {
    key: 'agent',
    title: 'Agent',
    sortValue: (machine) => machine.status?.agentVersion,
    cell: ({ status }) => (status?.agentVersion ? <Plain max={24}>{status.agentVersion}</Plain> : <Dim>–</Dim>),
    isSecondary: true,
  },
  {
    key: 'heartbeat',
    title: 'Last heartbeat',
    sortValue: (machine) => machine.status?.lastHeartbeatTime,
    cell: ({ status }) => <Age at={status?.lastHeartbeatTime} suffix="ago" />,
    modifier: 'nowrap',
  },
  {
    key: 'age',
    title: 'Age',
    sortValue: createdAt,
    cell: (machine) => <Age at={machine.metadata.creationTimestamp} />,
    modifier: 'nowrap',
  },
]

const labelsOf = (machine: Machine) =>
  Object.entries({ ...machine.metadata.labels, ...machine.spec.labels }).map(([key, value]) => `${key}=${value}`)

const filters: Filter<Machine>[] = [
  { key: 'phase', title: 'Phase', known: machinePhases, valuesOf: (machine) => [machinePhase(machine)] },
  {
    key: 'preflight',
    title: 'Preflight',
    known: ['failed', 'unknown', 'warnings', 'passed', 'none'],
    labels: { failed: 'Failed', unknown: 'Unknown', warnings: 'Warnings', passed: 'Passed', none: 'Not run' },
    valuesOf: (machine) => [preflightVerdict(machine)],
  },
  { key: 'cluster', title: 'Cluster', labels: { none: 'No cluster' }, valuesOf: (machine) => [machine.spec.clusterRef ?? 'none'] },
  { key: 'label', title: 'Label', valuesOf: labelsOf },
]

const textOf = (machine: Machine) =>
  [
    machine.metadata.name,
    machine.spec.displayName,
    machine.spec.clusterRef,
    machineAddress(machine),
    machine.status?.facts?.hostname,
    machine.status?.facts?.os.prettyName,
    ...labelsOf(machine),
  ].join(' ')

const ofOneCluster = {
  columns: columns.filter(({ key }) => key !== 'cluster'),
  filters: filters.filter(({ key }) => key !== 'cluster'),
}

export interface MachineTableProps {
  rows: readonly Machine[]
  empty: React.ReactNode
  /** All rows are of one cluster, so that column says nothing. */
  isOfCluster?: boolean
}

export function MachineTable({ rows, empty, isOfCluster }: MachineTableProps) {
  return (
    <ResourceTable
      label="Machines"
      rows={rows}
      keyOf={(machine) => machine.metadata.name}
      columns={isOfCluster ? ofOneCluster.columns : columns}
      filters={isOfCluster ? ofOneCluster.filters : filters}
      textOf={textOf}
      searchHint="Name, host name, address, label"
      defaultSort="name"
      empty={empty}
    />
  )
}

export const joinButton = (to = '/join') => (
  <Button variant="primary" component={(props: object) => <Link {...props} to={to} />}>
    Join a machine
  </Button>
)

export function MachinesPage() {
  const { items, isComplete, state } = useList('machines')
  const pending = items.filter(isAwaitingApproval)
  return (
    <PageFrame
      title="Machines"
      actions={
        <>
          {joinButton()}
          <Button variant="secondary" component={(props: object) => <Link {...props} to="/add-machine" />}>
            Add over SSH
          </Button>
        </>
      }
    >
      {state.phase === 'refused' ? (
        <Failed what="The machines cannot be shown" failure={state.failure} />
      ) : !isComplete && items.length === 0 ? (
        <Loading what="machines" />
      ) : (
        <>
          <Approvals machines={pending} />
          <MachineTable
            rows={items}
            empty={
              <Nothing title="No machine has joined yet" icon={ServerIcon} action={joinButton()}>
                Joining takes one command on the machine. It needs one outbound port to the hub and opens none. Where the hub reaches the
                machine’s SSH server, it can install the agent itself.
              </Nothing>
            }
          />
        </>
      )}
    </PageFrame>
  )
}
