// Object metadata and conditions, with Kubernetes' own meaning (API conventions, "Typical status properties").
import Type, { type Static } from 'typebox'

export const apiGroup = 'moorline.dev'
export const apiVersionName = 'v1alpha1'
export const apiVersion = `${apiGroup}/${apiVersionName}`

/** RFC 1123 subdomain, at most 253 characters. */
export const namePattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$'
/** RFC 3339 in UTC, as Date.prototype.toISOString prints it or without fraction. */
export const Timestamp = Type.String({ format: 'date-time', maxLength: 40 })

export const ObjectMeta = Type.Object(
  {
    name: Type.Optional(Type.String({ pattern: namePattern, maxLength: 253 })),
    generateName: Type.Optional(Type.String({ maxLength: 240 })),
    uid: Type.Optional(Type.String({ maxLength: 64 })),
    resourceVersion: Type.Optional(Type.String({ maxLength: 32 })),
    generation: Type.Optional(Type.Integer({ minimum: 0 })),
    creationTimestamp: Type.Optional(Type.Union([Timestamp, Type.Null()])),
    deletionTimestamp: Type.Optional(Timestamp),
    deletionGracePeriodSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
    labels: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 63 }))),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 262144 }))),
    finalizers: Type.Optional(Type.Array(Type.String({ maxLength: 253 }), { maxItems: 32 })),
    ownerReferences: Type.Optional(
      Type.Array(
        Type.Object({
          apiVersion: Type.String(),
          kind: Type.String(),
          name: Type.String(),
          uid: Type.String(),
          controller: Type.Optional(Type.Boolean()),
          blockOwnerDeletion: Type.Optional(Type.Boolean()),
        }),
        { maxItems: 16 },
      ),
    ),
    managedFields: Type.Optional(Type.Array(Type.Unknown())),
    namespace: Type.Optional(Type.String({ maxLength: 63 })),
    selfLink: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  { additionalProperties: false, description: 'Standard object metadata.' },
)
export type ObjectMeta = Static<typeof ObjectMeta>

export const Condition = Type.Object(
  {
    type: Type.String({ maxLength: 64 }),
    status: Type.Enum(['True', 'False', 'Unknown']),
    reason: Type.String({ maxLength: 128, description: 'One CamelCase word.' }),
    message: Type.String({ maxLength: 4096 }),
    lastTransitionTime: Timestamp,
    observedGeneration: Type.Optional(Type.Integer()),
  },
  { additionalProperties: false },
)
export type Condition = Static<typeof Condition>

/** What every stored object looks like; the kinds narrow spec and status. */
export interface Resource<Spec = unknown, Status = unknown> {
  apiVersion: string
  kind: string
  metadata: ObjectMeta & { name: string }
  spec: Spec
  status?: Status
}
