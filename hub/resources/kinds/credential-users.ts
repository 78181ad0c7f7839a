// Whatever names a Credential: Clusters, Machines, and the proxies of both. One that is in use is not deleted.
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Look } from '../types.ts'

export interface CredentialUser {
  /** `cluster a`, `machine b (proxy)` */
  says: string
  /** Name of the Cluster it is used for. */
  cluster?: string
}

export function credentialUsers(look: Look, name: string): CredentialUser[] {
  const users: CredentialUser[] = []
  for (const { metadata, spec } of look.list('Cluster') as readonly Cluster[]) {
    const cluster = metadata.name
    if (spec.credentialRef === name) users.push({ says: `cluster ${cluster}`, cluster })
    else if (spec.proxy?.credentialRef === name) users.push({ says: `cluster ${cluster} (proxy)`, cluster })
  }
  for (const { metadata, spec } of look.list('Machine') as readonly Machine[]) {
    const says = `machine ${metadata.name}`
    if (spec.ssh?.credentialRef === name) users.push({ says, cluster: spec.clusterRef })
    else if (spec.ssh?.proxy?.credentialRef === name) users.push({ says: `${says} (proxy)`, cluster: spec.clusterRef })
    else if (spec.ssh?.agentProxy?.credentialRef === name) users.push({ says: `${says} (agent's proxy)`, cluster: spec.clusterRef })
  }
  return users
}

/** The Credentials that an object names, with where. For those who may write the object but not use every Credential. */
export function credentialsNamedBy(object: { kind?: string; spec?: unknown }): { field: string; name: string }[] {
  const { credentialRef, proxy, ssh } = (object.spec ?? {}) as Partial<Cluster['spec']> & Partial<Machine['spec']>
  const named =
    object.kind === 'Machine'
      ? {
          'spec.ssh.credentialRef': ssh?.credentialRef,
          'spec.ssh.proxy.credentialRef': ssh?.proxy?.credentialRef,
          'spec.ssh.agentProxy.credentialRef': ssh?.agentProxy?.credentialRef,
        }
      : { 'spec.credentialRef': credentialRef, 'spec.proxy.credentialRef': proxy?.credentialRef }
  return Object.entries(named).flatMap(([field, name]) => (typeof name === 'string' ? [{ field, name }] : []))
}
