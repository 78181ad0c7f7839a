import Type, { type Static } from 'typebox'
import { Condition, type Resource } from './meta.ts'

const closed = { additionalProperties: false } as const

export const clusterTypes = ['OnPremises', 'Imported', 'Registered', 'ProxyCreated'] as const

export const ClusterSpec = Type.Object(
  {
    type: Type.Enum([...clusterTypes], { description: 'Immutable. This version accepts Registered.' }),
    displayName: Type.Optional(Type.String({ maxLength: 128 })),
    description: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  closed,
)
export type ClusterSpec = Static<typeof ClusterSpec>

export const ClusterStatus = Type.Object(
  {
    phase: Type.Optional(Type.String({ maxLength: 32, description: 'Pending, Creating, Running, Updating, Failed, Deleting' })),
    machines: Type.Optional(Type.Object({ total: Type.Integer(), connected: Type.Integer(), pending: Type.Integer() }, closed)),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type ClusterStatus = Static<typeof ClusterStatus>
export type Cluster = Resource<ClusterSpec, ClusterStatus>
