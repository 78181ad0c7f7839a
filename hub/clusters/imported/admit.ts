// What is tried before a user's write is stored: a Cluster that is imported, and a secret that imported clusters use.
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '#shared/clock/clock.ts'
import type { Cluster, ClusterStatus } from '#shared/contract/cluster.ts'
import type { Credential, CredentialData } from '#shared/contract/credential.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { fingerprintOf, openFields } from '#hub/credentials/open.ts'
import { opensKey } from '#hub/credentials/open-key.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import type { Vault } from '#hub/credentials/vault.ts'
import { invalid } from '#hub/resources/errors.ts'
import { sealedOf } from '#hub/resources/sealed.ts'
import type { Admit, FieldCause, Resources } from '#hub/resources/types.ts'
import { type ImportedProbe, ProbeRefused, probeImported } from './probe.ts'

export interface AdmissionOptions {
  resources: Pick<Resources, 'list' | 'definition'>
  credentials: Credentials
  vault: Vault
  clock: Clock
}

const probesAtOnce = 8
/** What decides where a cluster is dialled, and with what. */
const dialled = ['apiServer', 'certificateAuthority', 'credentialRef', 'proxy'] as const

export function createAdmission({ resources, credentials, vault, clock }: AdmissionOptions): Admit {
  function refuse(object: Resource, causes: readonly FieldCause[]): never {
    const { kind } = object
    throw invalid({ kind, plural: resources.definition(kind)?.plural ?? kind }, object.metadata.name, causes)
  }

  async function admitCluster(cluster: Cluster, old: Cluster | undefined): Promise<Resource> {
    if (cluster.spec.type !== 'Imported' || dialled.every((field) => isDeepStrictEqual(cluster.spec[field], old?.spec[field])))
      return cluster
    let found: ImportedProbe
    try {
      found = await probeImported(cluster, { credentials, clock })
    } catch (error) {
      if (!(error instanceof ProbeRefused)) throw error
      return refuse(cluster, [cause(error.field, error.message)])
    }
    const known = old?.status?.kubeSystemUID
    if (known !== undefined && known !== found.kubeSystemUID) {
      const field = cluster.spec.apiServer === old?.spec.apiServer ? 'spec.credentialRef' : 'spec.apiServer'
      return refuse(cluster, [cause(field, otherCluster(known, found.kubeSystemUID))])
    }
    const status: ClusterStatus = { ...cluster.status, ...found }
    return { ...cluster, status }
  }

  async function admitCredential(credential: Credential, old: Credential | undefined): Promise<Resource> {
    if (isDeepStrictEqual(sealedOf(credential), sealedOf(old))) return credential
    const data = openFields(credential, vault)
    if (!data) throw new Error(`what was sealed for Credential ${credential.metadata.name} just now does not open`)
    const { type } = credential.spec
    if (type === 'SSHKey' && data.passphrase !== undefined && !(await opensKey(data.privateKey ?? '', data.passphrase)))
      return refuse(credential, [cause('spec.data.passphrase', 'it does not open the private key')])
    const users = old ? usersOf(old.metadata.name) : []
    const next = withReplaced(credential, data)
    const causes: FieldCause[] = []
    for (let at = 0; at < users.length; at += probesAtOnce) {
      const probed = users.slice(at, at + probesAtOnce).map((cluster) => tryOn(cluster, next, type))
      causes.push(...(await Promise.all(probed)).filter((found) => found !== undefined))
    }
    return causes.length > 0 ? refuse(credential, causes) : credential
  }

  const usersOf = (name: string): Cluster[] =>
    resources
      .list<Cluster>('Cluster')
      .items.filter(({ spec }) => spec.type === 'Imported' && (spec.credentialRef === name || spec.proxy?.credentialRef === name))

  /** The Credentials as they would be. */
  function withReplaced(credential: Credential, data: CredentialData): Credentials {
    const opened = { type: credential.spec.type, data, fingerprint: fingerprintOf(sealedOf(credential)) }
    return { open: (name, use) => (name === credential.metadata.name ? opened : credentials.open(name, use)) }
  }

  async function tryOn(cluster: Cluster, next: Credentials, type: Credential['spec']['type']): Promise<FieldCause | undefined> {
    const { name } = cluster.metadata
    const field = { Kubeconfig: 'spec.data.kubeconfig', Token: 'spec.data.token', Password: 'spec.data.password', SSHKey: 'spec.data' }[
      type
    ]
    try {
      const { kubeSystemUID } = await probeImported(cluster, { credentials: next, clock })
      const known = cluster.status?.kubeSystemUID
      if (known === undefined || known === kubeSystemUID) return undefined
      return cause(field, `cluster ${name}: ${otherCluster(known, kubeSystemUID)}`)
    } catch (error) {
      if (!(error instanceof ProbeRefused)) throw error
      return cause(field, `cluster ${name}, which uses it: ${error.message}`)
    }
  }

  return (object, old) => {
    if (object.kind === 'Cluster') return admitCluster(object as Cluster, old as Cluster | undefined)
    if (object.kind === 'Credential') return admitCredential(object as Credential, old as Credential | undefined)
    return Promise.resolve(object)
  }
}

const cause = (field: string, message: string): FieldCause => ({ field, reason: 'FieldValueInvalid', message })

const otherCluster = (known: string, found: string) =>
  `this leads to a different cluster: its namespace kube-system has UID ${found}, that of the imported one ${known}. Import the other one under its own name`
