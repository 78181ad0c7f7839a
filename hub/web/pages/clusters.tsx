import ClusterIcon from '@patternfly/react-icons/dist/esm/icons/cluster-icon'
import { Link } from 'react-router'
import type { Cluster } from '#shared/contract/cluster.ts'
import { CreateCluster } from '../components/create-cluster.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { type Column, type Filter, ResourceTable } from '../components/resource-table.tsx'
import { Status } from '../components/status.tsx'
import { Age, Dim, Plain } from '../components/text.tsx'
import { useList } from '../data/hooks.ts'
import { formatCount } from '../derive/format.ts'
import { createdAt } from '../derive/task.ts'

const phaseOf = (cluster: Cluster) => cluster.status?.phase ?? 'Pending'

const columns: Column<Cluster>[] = [
  {
    key: 'name',
    title: 'Name',
    sortValue: (cluster) => cluster.metadata.name,
    cell: (cluster) => (
      <>
        <Link to={`/clusters/${encodeURIComponent(cluster.metadata.name)}`}>{cluster.metadata.name}</Link>
        {cluster.spec.displayName && (
          <div className="m-sub">
            <Plain max={64}>{cluster.spec.displayName}</Plain>
          </div>
        )}
      </>
    ),
  },
  {
    key: 'phase',
    title: 'Phase',
    sortValue: phaseOf,
    cell: (cluster) => <Status state={phaseOf(cluster)} of="cluster" />,
    modifier: 'nowrap',
  },
  { key: 'type', title: 'Type', sortValue: (cluster) => cluster.spec.type, cell: (cluster) => cluster.spec.type },
  {
    key: 'machines',
    title: 'Machines',
    sortValue: (cluster) => cluster.status?.machines?.total ?? 0,
    cell: ({ status }) => {
      const { total = 0, connected = 0, pending = 0 } = status?.machines ?? {}
      if (total === 0) return <Dim>none</Dim>
      return `${formatCount(connected)} of ${formatCount(total)} connected${pending > 0 ? `, ${formatCount(pending)} pending` : ''}`
    },
  },
  {
    key: 'note',
    title: 'What it waits for',
    cell: ({ status }) => {
      const waiting = status?.conditions?.find((condition) => condition.status !== 'True')
      return waiting ? <Plain max={160}>{waiting.message}</Plain> : <Dim>–</Dim>
    },
  },
  {
    key: 'age',
    title: 'Age',
    sortValue: createdAt,
    cell: (cluster) => <Age at={cluster.metadata.creationTimestamp} />,
    modifier: 'nowrap',
  },
]
const filters: Filter<Cluster>[] = [
  { key: 'phase', title: 'Phase', valuesOf: (cluster) => [phaseOf(cluster)] },
  { key: 'type', title: 'Type', valuesOf: (cluster) => [cluster.spec.type] },
]
const textOf = ({ metadata, spec }: Cluster) => [metadata.name, spec.displayName, spec.description, spec.type].join(' ')

export function ClustersPage() {
  const { items, isComplete, state } = useList('clusters')
  return (
    <PageFrame title="Clusters" actions={<CreateCluster />}>
      {state.phase === 'refused' ? (
        <Failed what="The clusters cannot be shown" failure={state.failure} />
      ) : !isComplete && items.length === 0 ? (
        <Loading what="clusters" />
      ) : (
        <ResourceTable
          label="Clusters"
          rows={items}
          keyOf={(cluster) => cluster.metadata.name}
          columns={columns}
          filters={filters}
          textOf={textOf}
          searchHint="Name, description"
          defaultSort="name"
          empty={
            <Nothing title="No cluster yet" icon={ClusterIcon} action={<CreateCluster />}>
              Create a registered cluster to group the machines of a cluster that already exists, then join its machines to it.
            </Nothing>
          }
        />
      )}
    </PageFrame>
  )
}
