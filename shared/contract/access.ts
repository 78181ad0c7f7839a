import Type, { type Static } from 'typebox'
import { Condition, type Resource, Timestamp } from './meta.ts'

const closed = { additionalProperties: false } as const

/** From the least to the most. */
export const roleNames = ['viewer', 'operator', 'admin'] as const
export type RoleName = (typeof roleNames)[number]

export const AccessTokenSpec = Type.Object(
  {
    user: Type.String({ minLength: 1, maxLength: 253, description: 'Who the bearer is.' }),
    groups: Type.Optional(
      Type.Array(Type.String({ maxLength: 253 }), { maxItems: 64, description: 'Groups the bearer is in, for bindings of a Group.' }),
    ),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 315360000, description: 'Lifetime from creation; none when absent.' })),
  },
  closed,
)
export type AccessTokenSpec = Static<typeof AccessTokenSpec>
export const AccessTokenStatus = Type.Object(
  {
    expiresAt: Type.Optional(Timestamp),
    tokenHash: Type.Optional(Type.String({ maxLength: 128 })),
    token: Type.Optional(Type.String({ maxLength: 256, description: 'Only in the answer to create; never stored.' })),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type AccessTokenStatus = Static<typeof AccessTokenStatus>
export type AccessToken = Resource<AccessTokenSpec, AccessTokenStatus>

export const AccessBindingSpec = Type.Object(
  {
    role: Type.Enum([...roleNames], {
      description: 'viewer reads; operator also runs tasks, joins machines and edits clusters; admin does everything.',
    }),
    subjects: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['User', 'Group'], { description: 'What the name is of.' }),
          name: Type.String({ minLength: 1, maxLength: 253, description: 'As in the spec of the AccessToken.' }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 256, description: 'Who has the role.' },
    ),
    clusterRef: Type.Optional(
      Type.String({ maxLength: 253, description: 'Limits the binding to one Cluster, its Machines and their Tasks.' }),
    ),
  },
  closed,
)
export type AccessBindingSpec = Static<typeof AccessBindingSpec>
export type AccessBinding = Resource<AccessBindingSpec, Record<string, never>>
