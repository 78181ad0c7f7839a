// Secrets that the hub uses on somebody's behalf: to dial an imported cluster, a machine's SSH server, a proxy. The data is sealed
// before it is stored and never leaves the hub again; a read shows which fields are set and a fingerprint.
import Type, { type Static } from 'typebox'
import { Condition, type Resource, Timestamp } from './meta.ts'

const closed = { additionalProperties: false } as const

export const credentialTypes = ['Kubeconfig', 'Token', 'Password', 'SSHKey'] as const

/** What is written into a field of spec.data to keep the stored secret, and what a read shows in its place. */
export const sealedMark = '(sealed)'

const secret = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description: `Write-only. ${description}` }))

export const CredentialData = Type.Object(
  {
    kubeconfig: secret(262_144, 'Kubeconfig: a whole kubeconfig file, certificates and keys inline.'),
    token: secret(16_384, 'Token: a bearer token for a Kubernetes API.'),
    username: Type.Optional(Type.String({ maxLength: 256, description: 'Password: for a proxy; SSH takes the user from the Machine.' })),
    password: secret(1024, 'Password: for SSH, sudo or a proxy.'),
    privateKey: secret(65_536, 'SSHKey: OpenSSH or PEM.'),
    passphrase: secret(1024, 'SSHKey: of the private key.'),
    sudoPassword: secret(1024, 'SSHKey: for sudo, when it asks.'),
  },
  closed,
)
export type CredentialData = Static<typeof CredentialData>

export const CredentialSpec = Type.Object(
  {
    type: Type.Enum([...credentialTypes], { description: 'Immutable.' }),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'For people; any text, no secret.' })),
    clusterRef: Type.Optional(Type.String({ maxLength: 253, description: 'The only Cluster, with its Machines, that may use it.' })),
    data: { ...CredentialData, description: 'The secrets; which of them, the type says.' },
  },
  closed,
)
export type CredentialSpec = Static<typeof CredentialSpec>

export const CredentialStatus = Type.Object(
  {
    fingerprint: Type.Optional(Type.String({ maxLength: 64, description: 'Changes when the data does; tells nothing about it.' })),
    updatedAt: Type.Optional(Timestamp),
    expiresAt: Type.Optional(Timestamp),
    conditions: Type.Optional(Type.Array(Condition)),
  },
  closed,
)
export type CredentialStatus = Static<typeof CredentialStatus>
export type Credential = Resource<CredentialSpec, CredentialStatus>
