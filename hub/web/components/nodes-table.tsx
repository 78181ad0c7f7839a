// The nodes of a cluster as its API names them: hostile text like any other.
import type { Cluster, ClusterNode } from '#shared/contract/cluster.ts'
import { formatCount } from '../derive/format.ts'
import { Nothing } from './page.tsx'
import { type Column, type Filter, ResourceTable } from './resource-table.tsx'
import { Status } from './status.tsx'
import { Dim, Plain } from './text.tsx'

const stateOf = (node: ClusterNode) => (node.isReady ? (node.problems.length > 0 ? 'Pressure' : 'Ready') : 'NotReady')
const looks = { Ready: ['passed', 'Ready'], Pressure: ['warning', 'Ready, with trouble'], NotReady: ['failed', 'Not ready'] } as const

const columns: Column<ClusterNode>[] = [
  { key: 'name', title: 'Name', sortValue: (node) => node.name, cell: (node) => <Plain max={253}>{node.name}</Plain> },
  {
    key: 'state',
    title: 'State',
    sortValue: (node) => ['NotReady', 'Pressure', 'Ready'].indexOf(stateOf(node)),
    cell: (node) => {
      const [state, word] = looks[stateOf(node)]
      return (
        <>
          <Status state={state}>{word}</Status>
          {!node.isSchedulable && <div className="m-sub">takes no new pods</div>}
        </>
      )
    },
    modifier: 'nowrap',
  },
  {
    key: 'roles',
    title: 'Roles',
    sortValue: (node) => node.roles.join(', '),
    cell: (node) => (node.roles.length > 0 ? <Plain max={256}>{node.roles.join(', ')}</Plain> : <Dim>–</Dim>),
  },
  {
    key: 'version',
    title: 'Version',
    sortValue: (node) => node.version,
    cell: (node) => <Plain max={64}>{node.version}</Plain>,
    modifier: 'nowrap',
  },
  {
    key: 'addresses',
    title: 'Addresses',
    sortValue: (node) => node.addresses[0],
    cell: (node) => <Plain max={256}>{node.addresses.join(', ') || '–'}</Plain>,
  },
  {
    key: 'os',
    title: 'System',
    sortValue: (node) => node.os,
    cell: (node) => (node.os ? <Plain max={64}>{node.os}</Plain> : <Dim>–</Dim>),
    isSecondary: true,
  },
  {
    key: 'problems',
    title: 'Problems',
    cell: (node) =>
      node.problems.length > 0 ? (
        <ul>
          {node.problems.map((problem, index) => (
            <li key={index}>
              <Plain max={512}>{problem}</Plain>
            </li>
          ))}
        </ul>
      ) : (
        <Dim>none</Dim>
      ),
  },
]
const filters: Filter<ClusterNode>[] = [
  {
    key: 'state',
    title: 'State',
    known: ['NotReady', 'Pressure', 'Ready'],
    labels: { NotReady: 'Not ready', Pressure: 'Ready, with trouble' },
    valuesOf: (node) => [stateOf(node)],
  },
  { key: 'role', title: 'Role', valuesOf: (node) => (node.roles.length > 0 ? node.roles : ['none']), labels: { none: 'No role' } },
  { key: 'version', title: 'Version', valuesOf: (node) => [node.version] },
]
const textOf = (node: ClusterNode) => [node.name, node.version, node.os, ...node.roles, ...node.addresses, ...node.problems].join(' ')

export function NodesTable({ cluster }: { cluster: Cluster }) {
  const { nodes } = cluster.status ?? {}
  if (!nodes)
    return (
      <Nothing isSmall title="The nodes have not been read yet">
        They are read through the cluster’s API as soon as the hub reaches it.
      </Nothing>
    )
  return (
    <>
      {nodes.total > nodes.items.length && (
        <p className="m-sub">
          The first {formatCount(nodes.items.length)} of {formatCount(nodes.total)} nodes by name; kubectl shows all of them.
        </p>
      )}
      <ResourceTable
        label="Nodes"
        rows={nodes.items}
        keyOf={(node) => node.name}
        columns={columns}
        filters={filters}
        textOf={textOf}
        searchHint="Name, address, problem"
        defaultSort="state"
        empty={
          <Nothing isSmall title="The cluster has no nodes">
            Its API answered, and named none.
          </Nothing>
        }
      />
    </>
  )
}
