// What the pages say about a credential. Its data is never here, only which fields are set. Pure.
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Credential, CredentialData } from '#shared/contract/credential.ts'
import type { Machine } from '#shared/contract/machine.ts'

export type CredentialType = Credential['spec']['type']
export type CredentialField = keyof CredentialData

/** Fields of each type, the required one first. */
export const credentialFields = {
  Kubeconfig: ['kubeconfig'],
  Token: ['token'],
  Password: ['password', 'username'],
  SSHKey: ['privateKey', 'passphrase', 'sudoPassword'],
} as const satisfies Record<CredentialType, readonly CredentialField[]>

export const typeNames: Readonly<Record<CredentialType, string>> = {
  Kubeconfig: 'Kubeconfig',
  Token: 'Token',
  Password: 'Password',
  SSHKey: 'SSH key',
}

export const credentialFieldPlaces: Readonly<Record<string, CredentialField>> = Object.fromEntries(
  Object.values(credentialFields)
    .flat()
    .map((field) => [`spec.data.${field}`, field]),
)

export function isCredentialComplete(type: CredentialType, data: CredentialData): boolean {
  return (data[credentialFields[type][0]] ?? '').trim() !== ''
}

export interface UsedBy {
  label: string
  to: string
}

/** Whatever names each Credential, by its name. */
export function usersOfCredentials(clusters: readonly Cluster[], machines: readonly Machine[]): ReadonlyMap<string, readonly UsedBy[]> {
  const users = new Map<string, UsedBy[]>()
  const add = (credential: string | undefined, user: UsedBy) => {
    if (credential !== undefined) users.set(credential, [...(users.get(credential) ?? []), user])
  }
  for (const { metadata, spec } of clusters) {
    const to = `/clusters/${encodeURIComponent(metadata.name)}`
    add(spec.credentialRef, { label: `cluster ${metadata.name}`, to })
    add(spec.proxy?.credentialRef, { label: `proxy of cluster ${metadata.name}`, to })
  }
  for (const { metadata, spec } of machines) {
    const to = `/machines/${encodeURIComponent(metadata.name)}`
    add(spec.ssh?.credentialRef, { label: `machine ${metadata.name}`, to })
    add(spec.ssh?.proxy?.credentialRef, { label: `proxy of machine ${metadata.name}`, to })
    add(spec.ssh?.agentProxy?.credentialRef, { label: `proxy of the agent of machine ${metadata.name}`, to })
  }
  return users
}
