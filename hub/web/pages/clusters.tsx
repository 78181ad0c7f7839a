import { Button } from '@patternfly/react-core'
import ClusterIcon from '@patternfly/react-icons/dist/esm/icons/cluster-icon'
import { Link } from 'react-router'
import type { Cluster } from '#shared/contract/cluster.ts'
import { NodeCount } from '../components/cluster-summary.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { type Column, type Filter, ResourceTable } from '../components/resource-table.tsx'
import { Status } from '../components/status.tsx'
import { Age, Dim, Plain } from '../components/text.tsx'
import { useList } from '../data/hooks.ts'
import { clusterPhase, clusterProblem } from '../derive/cluster.ts'
import { formatCount } from '../derive/format.ts'
import { createdAt } from '../derive/task.ts'

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
    sortValue: clusterPhase,
    cell: (cluster) => <Status state={clusterPhase(cluster)} of="cluster" />,
    modifier: 'nowrap',
  },
  {
    key: 'version',
    title: 'Version',
    sortValue: (cluster) => cluster.status?.version,
    cell: ({ status }) => (status?.version ? <Plain max={32}>{status.version}</Plain> : <Dim>–</Dim>),
    modifier: 'nowrap',
  },
  {
    key: 'nodes',
    title: 'Nodes',
    // Clusters with nodes that are not ready first, then by size.
    sortValue: ({ status }) => status?.nodes && (status.nodes.ready - status.nodes.total) * 1_000_000 + status.nodes.total,
    cell: (cluster) => (cluster.status?.nodes ? <NodeCount cluster={cluster} /> : <Dim>–</Dim>),
    modifier: 'nowrap',
  },
  { key: 'type', title: 'Type', sortValue: (cluster) => cluster.spec.type, cell: (cluster) => cluster.spec.type },
  {
    key: 'machines',
    title: 'Machines',
    sortValue: (cluster) => cluster.status?.machines?.total ?? 0,
    isSecondary: true,
    cell: ({ status }) => {
      const { total = 0, connected = 0, pending = 0 } = status?.machines ?? {}
      if (total === 0) return <Dim>none</Dim>
      return `${formatCount(connected)} of ${formatCount(total)} connected${pending > 0 ? `, ${formatCount(pending)} pending` : ''}`
    },
  },
  {
    key: 'note',
    title: 'Why',
    cell: (cluster) => {
      const problem = clusterProblem(cluster)
      return problem ? <Plain max={160}>{problem.message || problem.reason}</Plain> : <Dim>–</Dim>
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
  { key: 'phase', title: 'Phase', valuesOf: (cluster) => [clusterPhase(cluster)] },
  {
    key: 'reason',
    title: 'Reason',
    labels: { none: 'All is well' },
    valuesOf: (cluster) => [clusterProblem(cluster)?.reason ?? 'none'],
  },
  { key: 'version', title: 'Version', labels: { none: 'Not read yet' }, valuesOf: (cluster) => [cluster.status?.version ?? 'none'] },
  { key: 'type', title: 'Type', valuesOf: (cluster) => [cluster.spec.type] },
]
const textOf = ({ metadata, spec, status }: Cluster) =>
  [metadata.name, spec.displayName, spec.description, spec.type, status?.version, spec.apiServer].join(' ')

const createButton = (
  <Button variant="primary" component={(props: object) => <Link {...props} to="/create-cluster" />}>
    Create cluster
  </Button>
)

export function ClustersPage() {
  const { items, isComplete, state } = useList('clusters')
  return (
    <PageFrame title="Clusters" actions={createButton}>
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
          searchHint="Name, description, version"
          defaultSort="name"
          empty={
            <Nothing title="No cluster yet" icon={ClusterIcon} action={createButton}>
              Register a cluster behind a firewall with one command on it, or import one that this hub reaches, with its kubeconfig.
            </Nothing>
          }
        />
      )}
    </PageFrame>
  )
}
