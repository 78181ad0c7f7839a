import Type, { type Static } from 'typebox'
import { Facts } from './facts.ts'
import { Condition, type Resource, Timestamp } from './meta.ts'
import { PreflightSummary } from './preflight.ts'

const closed = { additionalProperties: false } as const

export const Taint = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 317, description: 'As in Kubernetes: a name, with a DNS prefix or without.' }),
    value: Type.Optional(Type.String({ maxLength: 63, description: 'Default empty.' })),
    effect: Type.Enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], { description: 'What happens to pods that do not tolerate it.' }),
  },
  closed,
)

/** A proxy on the way to what is dialled: credentials are not in the URL but in a Credential of type Password. */
export const DialProxy = Type.Object(
  {
    url: Type.String({ maxLength: 512, pattern: '^(socks5|http)://[^/@\\s]+$', description: 'socks5://host:port or http://host:port' }),
    credentialRef: Type.Optional(Type.String({ maxLength: 253, description: 'Credential of type Password for the proxy.' })),
  },
  closed,
)
export type DialProxy = Static<typeof DialProxy>

export const MachineSsh = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 253, description: 'Address or DNS name that the hub dials.' }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Default 22.' })),
    user: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        pattern: '^[A-Za-z_][A-Za-z0-9_.-]*\\$?$',
        description: 'Default root; any other needs sudo.',
      }),
    ),
    credentialRef: Type.String({ maxLength: 253, description: 'Credential of type Password or SSHKey.' }),
    proxy: Type.Optional({ ...DialProxy, description: 'The hub dials the SSH server through it.' }),
    agentProxy: Type.Optional({ ...DialProxy, description: 'The agent dials the hub through it; written into its configuration.' }),
  },
  closed,
)
export type MachineSsh = Static<typeof MachineSsh>

export const MachineSpec = Type.Object(
  {
    clusterRef: Type.Optional(Type.String({ maxLength: 253, description: 'Cluster this machine belongs to.' })),
    role: Type.Optional(
      Type.Enum(['controlPlane', 'worker'], { description: 'What it is to be in its cluster; the preflight checks for it.' }),
    ),
    displayName: Type.Optional(Type.String({ maxLength: 128, description: 'Shown beside the name; any text.' })),
    ipv4: Type.Optional(Type.String({ maxLength: 15, description: 'Address that its node is to have in the cluster.' })),
    ipv6: Type.Optional(Type.String({ maxLength: 45, description: 'The same for IPv6.' })),
    roles: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 63 }), {
        maxItems: 16,
        description: 'Further roles of the node, by the name after node-role.kubernetes.io/.',
      }),
    ),
    labels: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 63 }), { description: 'Labels of the node.' })),
    taints: Type.Optional(Type.Array(Taint, { maxItems: 32, description: 'Taints of the node.' })),
    ssh: Type.Optional({ ...MachineSsh, description: 'The hub installs the agent over SSH.' }),
    approved: Type.Optional(
      Type.Boolean({
        description:
          'True lets the machine have an identity; compare status.enrollment.fingerprint with the machine first. False denies it.',
      }),
    ),
    revoked: Type.Optional(
      Type.Boolean({ description: 'True ends the identity at once: live connections are closed. Cannot be taken back.' }),
    ),
  },
  closed,
)
export type MachineSpec = Static<typeof MachineSpec>

export const MachineStatus = Type.Object(
  {
    phase: Type.Optional(Type.String({ maxLength: 32, description: 'Pending, Connected, Disconnected, Denied, Revoked' })),
    agentId: Type.Optional(Type.String({ maxLength: 64, description: 'random identity, never reused' })),
    agentVersion: Type.Optional(Type.String({ maxLength: 64 })),
    facts: Type.Optional(Facts),
    planes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ maxLength: 32 }),
            ok: Type.Boolean(),
            reason: Type.Optional(Type.String({ maxLength: 512 })),
            roundTripMicroseconds: Type.Optional(Type.Integer()),
          },
          closed,
        ),
        { maxItems: 8 },
      ),
    ),
    lastHeartbeatTime: Type.Optional(Timestamp),
    allowedActions: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
    tunnelTargets: Type.Optional(
      Type.Array(Type.String({ maxLength: 63 }), { maxItems: 66, description: 'what its policy lets the hub reach through it' }),
    ),
    ssh: Type.Optional(
      Type.Object(
        {
          hostKey: Type.Optional(Type.String({ maxLength: 128, description: 'SHA256:… of the host key, pinned at first use' })),
          server: Type.Optional(Type.String({ maxLength: 320, description: 'host:port that showed this key' })),
          task: Type.Optional(Type.String({ maxLength: 253, description: 'the Task that installs, or installed, the agent' })),
          requestedBy: Type.Optional(Type.String({ maxLength: 253, description: 'user who wrote spec.ssh last' })),
        },
        closed,
      ),
    ),
    enrollment: Type.Optional(
      Type.Object(
        {
          fingerprint: Type.String({ maxLength: 128, description: 'of the key made on the machine; both sides show it' }),
          joinToken: Type.String({ maxLength: 253 }),
          requestedAt: Timestamp,
          hostname: Type.String({ maxLength: 253 }),
          remoteAddress: Type.Optional(Type.String({ maxLength: 64 })),
          addresses: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
        },
        closed,
      ),
    ),
    certificate: Type.Optional(
      Type.Object(
        {
          serial: Type.String({ maxLength: 64 }),
          notBefore: Timestamp,
          notAfter: Timestamp,
          previousSerial: Type.Optional(Type.String({ maxLength: 64 })),
        },
        closed,
      ),
    ),
    machineFingerprint: Type.Optional(Type.String({ maxLength: 128, description: 'stable machine facts, hashed; tells a clone' })),
    bootId: Type.Optional(Type.String({ maxLength: 64 })),
    currentTask: Type.Optional(Type.String({ maxLength: 253 })),
    preflight: Type.Optional(
      Type.Object({ task: Type.String({ maxLength: 253 }), summary: PreflightSummary, finishedAt: Timestamp }, closed),
    ),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type MachineStatus = Static<typeof MachineStatus>
export type Machine = Resource<MachineSpec, MachineStatus>
