import { type Cluster, ClusterSpec, ClusterStatus } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { registrationLabel } from '#shared/contract/registration.ts'
import type { KindDefinition } from '../types.ts'
import { checkImported, withoutImportedFields } from './cluster-imported.ts'
import { ageColumn, column, conditionStatus, nameColumn, wide } from './columns.ts'
import { immutable } from './rules.ts'

const machineCount = (object: Cluster) => object.status?.machines?.total ?? 0

const nodeCount = ({ status }: Cluster) => status?.nodes && `${status.nodes.ready}/${status.nodes.total}`

export const clusterKind: KindDefinition = {
  kind: 'Cluster',
  plural: 'clusters',
  singular: 'cluster',
  shortNames: ['cl'],
  categories: ['all', 'moorline'],
  description: 'A Kubernetes cluster under management, or one that is about to be: the group its Machines belong to.',
  spec: ClusterSpec,
  status: ClusterStatus,
  columns: [
    nameColumn,
    column<Cluster>('Type', 'How the cluster came to be managed.', (object) => object.spec.type),
    column<Cluster>('Phase', 'Derived from the conditions.', (object) => object.status?.phase ?? 'Pending'),
    column<Cluster>('Machines', 'Machines that belong to it.', machineCount, { type: 'integer' }),
    column<Cluster>('Connected', 'Machines that are connected now.', (object) => object.status?.machines?.connected ?? 0, {
      type: 'integer',
    }),
    wide<Cluster>('Version', 'Of its API server.', (object) => object.status?.version),
    wide<Cluster>('Nodes', 'Ready nodes of all.', nodeCount),
    wide<Cluster>('Display-Name', 'Name for people.', (object) => object.spec.displayName),
    wide<Cluster>('Ready', 'The Ready condition.', (object) => conditionStatus(object.status?.conditions, 'Ready')),
    ageColumn,
  ],
  selectableFields: {
    'spec.type': (object) => (object as Cluster).spec.type,
    'status.phase': (object) => (object as Cluster).status?.phase ?? '',
  },
  initialStatus: () => ({ phase: 'Pending', machines: { total: 0, connected: 0, pending: 0 }, conditions: [] }),
  validate(object, old, look) {
    const { metadata, spec } = object as Cluster
    const before = (old as Cluster | undefined)?.spec
    if (spec.type !== 'Registered' && spec.type !== 'Imported')
      return [
        {
          field: 'spec.type',
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: "${spec.type}": this version manages clusters of type "Registered" and "Imported"`,
        },
      ]
    const causes = immutable(spec, before, ['type'])
    if (causes.length > 0) return causes
    return spec.type === 'Imported' ? checkImported(metadata.name, spec, before, look) : withoutImportedFields(spec)
  },
  deleteWarning: ({ metadata, spec }) =>
    (spec as Cluster['spec']).type === 'Registered'
      ? `the identity of the agent in cluster ${metadata.name} ends now; remove it there with: kubectl delete namespace moorline-system (docs/clusters.md has the rest)`
      : undefined,
  validateDelete(object, look) {
    const { name } = object.metadata
    // The agents that its registrations brought end with it; what else belongs to it is for its owner to decide.
    const machines = look
      .list('Machine')
      .filter(({ metadata, spec }) => (spec as Machine['spec']).clusterRef === name && metadata.labels?.[registrationLabel] === undefined)
    const [first] = machines
    if (!first) return undefined
    return machines.length === 1
      ? `machine ${first.metadata.name} belongs to it; delete it or give it another spec.clusterRef first`
      : `machine ${first.metadata.name} and ${machines.length - 1} more belong to it; delete them or give them another spec.clusterRef first`
  },
}
