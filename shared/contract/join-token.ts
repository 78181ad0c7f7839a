import Type, { type Static } from 'typebox'
import { Condition, type Resource, Timestamp } from './meta.ts'

const closed = { additionalProperties: false } as const

export const JoinTokenSpec = Type.Object(
  {
    uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10000, description: 'How many machines may ask with it. Default 1.' })),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 2592000, description: 'Lifetime from creation. Default 86400.' })),
    clusterRef: Type.Optional(Type.String({ maxLength: 253, description: 'Cluster that machines joining with it belong to.' })),
    role: Type.Optional(Type.Enum(['controlPlane', 'worker'], { description: 'What those machines are to be.' })),
    machineRef: Type.Optional(
      Type.String({ maxLength: 253, description: 'The agent becomes this Machine, which must never have had one, instead of a new one.' }),
    ),
    approval: Type.Optional(Type.Enum(['Manual', 'Automatic'], { description: 'Manual (default): an operator compares the fingerprint.' })),
    match: Type.Optional(
      Type.Object(
        {
          hostname: Type.Optional(Type.String({ maxLength: 253, description: 'exact host name that may use it' })),
          addresses: Type.Optional(
            Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64, description: 'CIDRs that the caller’s address must be in' }),
          ),
        },
        { ...closed, description: 'Who may ask with it; everybody who has it when absent.' },
      ),
    ),
    revoked: Type.Optional(Type.Boolean({ description: 'True: nobody can ask with it any more. Cannot be taken back.' })),
  },
  closed,
)
export type JoinTokenSpec = Static<typeof JoinTokenSpec>

export const JoinTokenStatus = Type.Object(
  {
    phase: Type.Optional(Type.String({ maxLength: 32, description: 'Active, Exhausted, Expired, Revoked' })),
    expiresAt: Type.Optional(Timestamp),
    used: Type.Optional(Type.Integer({ minimum: 0 })),
    tokenHash: Type.Optional(Type.String({ maxLength: 128, description: 'SHA-256 (hex) of the secret part' })),
    token: Type.Optional(Type.String({ maxLength: 256, description: 'Only in the answer to create; never stored.' })),
    installCommand: Type.Optional(Type.String({ maxLength: 8192, description: 'Only in the answer to create; never stored.' })),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type JoinTokenStatus = Static<typeof JoinTokenStatus>
export type JoinToken = Resource<JoinTokenSpec, JoinTokenStatus>
