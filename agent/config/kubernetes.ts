// The `kubernetes` part of the machine's policy: whether this agent leads to the API of its cluster, and with whose credentials.
import Type, { type Static } from 'typebox'

const closed = { additionalProperties: false } as const

export const KubernetesPolicy = Type.Union(
  [
    Type.Object({ source: Type.Literal('serviceAccount') }, closed),
    Type.Object(
      {
        source: Type.Literal('kubeconfig'),
        path: Type.String({ pattern: '^/', maxLength: 4096, description: 'its current context is used' }),
      },
      closed,
    ),
  ],
  { description: 'leads the hub to the API of this cluster, with these credentials; default not at all' },
)
export type KubernetesPolicy = Static<typeof KubernetesPolicy>
