import Type, { type Static } from 'typebox'
import { DialProxy } from './machine.ts'
import { Condition, type Resource, Timestamp } from './meta.ts'

const closed = { additionalProperties: false } as const

export const clusterTypes = ['OnPremises', 'Imported', 'Registered', 'ProxyCreated'] as const

export const ClusterSpec = Type.Object(
  {
    type: Type.Enum([...clusterTypes], { description: 'Immutable. This version accepts Registered and Imported.' }),
    displayName: Type.Optional(Type.String({ maxLength: 128, description: 'Shown beside the name; any text.' })),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'For people; any text.' })),
    apiServer: Type.Optional(
      Type.String({ maxLength: 512, pattern: '^https://[^/?#@\\s]+(/[^?#\\s]*)?$', description: 'Imported: address that the hub dials.' }),
    ),
    certificateAuthority: Type.Optional(
      Type.String({ maxLength: 65_536, description: 'Imported: PEM of the CA that signed the API server; else that of the kubeconfig.' }),
    ),
    credentialRef: Type.Optional(Type.String({ maxLength: 253, description: 'Imported: Credential of type Kubeconfig or Token.' })),
    proxy: Type.Optional({ ...DialProxy, description: 'Imported: the hub dials through it.' }),
  },
  closed,
)
export type ClusterSpec = Static<typeof ClusterSpec>

const text = (maxLength: number) => Type.String({ maxLength })

export const ClusterNode = Type.Object(
  {
    name: text(253),
    isReady: Type.Boolean(),
    isSchedulable: Type.Boolean(),
    roles: Type.Array(text(63), { maxItems: 16 }),
    version: text(64),
    addresses: Type.Array(text(64), { maxItems: 16 }),
    os: Type.Optional(text(256)),
    /** Conditions of the node that say trouble: MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable, or why it is not ready. */
    problems: Type.Array(text(512), { maxItems: 16 }),
  },
  closed,
)
export type ClusterNode = Static<typeof ClusterNode>

/** As many nodes as a status lists one by one; the counts hold for all. */
export const listedNodes = 500

export const ClusterStatus = Type.Object(
  {
    phase: Type.Optional(text(32)),
    machines: Type.Optional(Type.Object({ total: Type.Integer(), connected: Type.Integer(), pending: Type.Integer() }, closed)),
    version: Type.Optional(Type.String({ maxLength: 64, description: 'of the API server, e.g. v1.31.4' })),
    platform: Type.Optional(text(64)),
    kubeSystemUID: Type.Optional(Type.String({ maxLength: 64, description: 'UID of the namespace kube-system: which cluster this is' })),
    nodes: Type.Optional(
      Type.Object(
        { total: Type.Integer(), ready: Type.Integer(), items: Type.Array(ClusterNode, { maxItems: listedNodes }) },
        { ...closed, description: 'the first 500 by name' },
      ),
    ),
    capacity: Type.Optional(
      Type.Object(
        {
          cpuMillicores: Type.Integer(),
          memoryBytes: Type.Integer(),
          pods: Type.Integer(),
          allocatableCpuMillicores: Type.Integer(),
          allocatableMemoryBytes: Type.Integer(),
        },
        { ...closed, description: 'sum over the nodes' },
      ),
    ),
    components: Type.Optional(
      Type.Array(Type.Object({ name: text(128), isHealthy: Type.Boolean(), message: Type.Optional(text(1024)) }, closed), {
        maxItems: 128,
        description: 'checks of /readyz, and the componentstatuses where the cluster still has them',
      }),
    ),
    observedAt: Type.Optional({ ...Timestamp, description: 'when version, nodes, capacity and components were last read' }),
    credentialFingerprint: Type.Optional(text(64)),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type ClusterStatus = Static<typeof ClusterStatus>
export type Cluster = Resource<ClusterSpec, ClusterStatus>
