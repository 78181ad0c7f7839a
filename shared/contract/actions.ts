// Inputs of the task actions, one schema each: the API validates with them and the agent does again.
import Type, { type Static, type TSchema } from 'typebox'

const closed = { additionalProperties: false } as const
const cidr = Type.String({ maxLength: 64 })

export const PreflightInput = Type.Object(
  {
    role: Type.Optional(Type.Enum(['controlPlane', 'worker'], { description: 'default controlPlane' })),
    kubernetesVersion: Type.Optional(
      Type.String({ pattern: '^v?1\\.[0-9]{1,3}(\\.[0-9]{1,3})?$', description: 'target version, default 1.31' }),
    ),
    clusterCIDRs: Type.Optional(Type.Array(cidr, { maxItems: 2 })),
    serviceCIDRs: Type.Optional(Type.Array(cidr, { maxItems: 2 })),
    joinCIDRs: Type.Optional(Type.Array(cidr, { maxItems: 2 })),
    plugin: Type.Optional(Type.Enum(['kube-ovn', 'calico', 'flannel', 'custom'])),
    registry: Type.Optional(Type.String({ maxLength: 253, description: 'host[:port] of the image registry to reach' })),
    ignore: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 128, description: 'ids demoted to a warning' })),
    advertiseAddress: Type.Optional(Type.String({ maxLength: 64, description: 'address of this machine that the others use' })),
    pullImages: Type.Optional(Type.Boolean({ description: 'pull the images of the version: the only check that changes the machine' })),
    externalEtcd: Type.Optional(
      Type.Object(
        {
          endpoints: Type.Array(Type.String({ pattern: '^https?://', maxLength: 512 }), { minItems: 1, maxItems: 9 }),
          caFile: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
          certFile: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
          keyFile: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
        },
        closed,
      ),
    ),
  },
  closed,
)
export type PreflightInput = Static<typeof PreflightInput>

export const FactsInput = Type.Object({}, closed)

export const ExecInput = Type.Object(
  {
    command: Type.Array(Type.String({ maxLength: 65536 }), {
      minItems: 1,
      maxItems: 256,
      description: 'program and arguments; no shell is involved',
    }),
    workingDirectory: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
    environment: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String({ maxLength: 65536 }))),
    stdin: Type.Optional(Type.String({ maxLength: 262144 })),
  },
  closed,
)
export type ExecInput = Static<typeof ExecInput>

export const FileInput = Type.Object(
  {
    path: Type.String({ pattern: '^/', maxLength: 4096, description: 'absolute, without . or .. segments' }),
    state: Type.Optional(Type.Enum(['present', 'absent'], { description: 'default present' })),
    content: Type.Optional(Type.String({ maxLength: 1048576 })),
    encoding: Type.Optional(Type.Enum(['utf8', 'base64'], { description: 'of content, default utf8' })),
    mode: Type.Optional(Type.String({ pattern: '^0?[0-7]{3,4}$', description: 'octal, default 0644' })),
    owner: Type.Optional(Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}\\$?$|^[0-9]{1,10}$', description: 'user name or id' })),
    group: Type.Optional(Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}\\$?$|^[0-9]{1,10}$' })),
  },
  closed,
)
export type FileInput = Static<typeof FileInput>

/** How to get there is in the Machine's spec.ssh. */
export const InstallAgentInput = Type.Object({}, closed)

/** Performed by the agent of the task's machine. */
export const actionInputs = {
  preflight: PreflightInput,
  facts: FactsInput,
  exec: ExecInput,
  file: FileInput,
} as const satisfies Record<string, TSchema>

export type ActionName = keyof typeof actionInputs
export const actionNames = Object.keys(actionInputs) as ActionName[]

/** Performed by the hub itself, for a machine that has no agent to send them to. */
export const hubActionInputs = {
  'install-agent': InstallAgentInput,
} as const satisfies Record<string, TSchema>

export type HubActionName = keyof typeof hubActionInputs
export function isHubAction(action: string): action is HubActionName {
  return Object.hasOwn(hubActionInputs, action)
}
