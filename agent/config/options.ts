// Every setting of the agent, one record each: flags, environment, file and docs/agent.md come from this table.
import Type, { type Static } from 'typebox'

export interface OptionRecord {
  /** Property of the configuration and key in config.json. */
  name: keyof AgentSettings
  /** Without dashes; undefined when it must not be a process argument, which every user of the machine can read. */
  flag?: string
  env: string
  isList?: boolean
  description: string
}

const closed = { additionalProperties: false } as const

/** host:port; IPv6 in brackets. */
export const hubPattern = '^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?):[0-9]{1,5}$'

/** namespace/name, as Kubernetes allows them. */
const secretPattern = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$'

export const AgentSettings = Type.Object(
  {
    hub: Type.Optional(Type.String({ pattern: hubPattern })),
    pins: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }), { minItems: 1, maxItems: 8 })),
    proxy: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
    noProxy: Type.Optional(Type.String({ maxLength: 8192 })),
    policyFile: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
    tokenFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
    identitySecret: Type.Optional(Type.String({ pattern: secretPattern, maxLength: 320 })),
    logLevel: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'])),
  },
  closed,
)
export type AgentSettings = Static<typeof AgentSettings>

export const optionRecords: readonly OptionRecord[] = [
  { name: 'hub', flag: 'hub', env: 'MOORLINE_HUB', description: 'host:port of the hub.' },
  {
    name: 'pins',
    flag: 'pin',
    env: 'MOORLINE_PINS',
    isList: true,
    description: 'Base64 SHA-256 of the fleet CA’s public key; repeat it (in the environment: commas) for the current and the next one.',
  },
  {
    name: 'proxy',
    env: 'MOORLINE_PROXY',
    description: 'socks5://[user:password@]host:port or http://[user:password@]host:port. Never a flag: it may hold a password.',
  },
  { name: 'noProxy', flag: 'no-proxy', env: 'MOORLINE_NO_PROXY', description: 'Hosts, domains and CIDRs reached without the proxy.' },
  { name: 'policyFile', flag: 'policy-file', env: 'MOORLINE_POLICY_FILE', description: 'What this machine allows its hub to do.' },
  {
    name: 'tokenFile',
    flag: 'token-file',
    env: 'MOORLINE_TOKEN_FILE',
    description: 'File with the join token; `run` asks for an identity with it when there is none.',
  },
  {
    name: 'identitySecret',
    flag: 'identity-secret',
    env: 'MOORLINE_IDENTITY_SECRET',
    description:
      'namespace/name of a Secret: for an agent that runs as a pod. The identity belongs to the cluster, is kept there and outlives the state directory.',
  },
  { name: 'logLevel', flag: 'log-level', env: 'MOORLINE_LOG_LEVEL', description: 'debug, info (default), warn or error.' },
]

export const stateDirOption = {
  flag: 'state-dir',
  env: 'MOORLINE_STATE_DIR',
  default: '/var/lib/moorline-agent',
  description: 'Private directory of the agent: identity, journal, configuration.',
} as const
