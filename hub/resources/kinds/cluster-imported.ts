// Fields of a Cluster that only an imported one has.
import type { ClusterSpec } from '#shared/contract/cluster.ts'
import type { Credential } from '#shared/contract/credential.ts'
import type { FieldCause, Look } from '../types.ts'
import { credentialReference } from './credential.ts'
import { forbidden } from './rules.ts'

const fields = ['apiServer', 'certificateAuthority', 'credentialRef', 'proxy'] as const

/** A field that a type does not use is refused, not ignored. */
export function withoutImportedFields(spec: ClusterSpec): FieldCause[] {
  return fields
    .filter((field) => spec[field] !== undefined)
    .map((field) => forbidden(`spec.${field}`, `a cluster of type ${spec.type} has no such field; it is for type Imported`))
}

export function checkImported(name: string, spec: ClusterSpec, old: ClusterSpec | undefined, look: Look): FieldCause[] {
  const { credentialRef, apiServer, proxy } = spec
  if (credentialRef === undefined)
    return [
      {
        field: 'spec.credentialRef',
        reason: 'FieldValueRequired',
        message: 'Required value: the Credential of type Kubeconfig or Token with which the hub dials the cluster',
      },
    ]
  const causes: FieldCause[] = []
  if (credentialRef !== old?.credentialRef)
    causes.push(...credentialReference(look, 'spec.credentialRef', { name: credentialRef, types: ['Kubeconfig', 'Token'], cluster: name }))
  const credential = look.get('Credential', credentialRef) as Credential | undefined
  if (credential?.spec.type === 'Token' && apiServer === undefined)
    causes.push({
      field: 'spec.apiServer',
      reason: 'FieldValueRequired',
      message: 'Required value: a token does not say where the cluster is',
    })
  if (proxy?.credentialRef !== undefined && proxy.credentialRef !== old?.proxy?.credentialRef)
    causes.push(...credentialReference(look, 'spec.proxy.credentialRef', { name: proxy.credentialRef, types: ['Password'], cluster: name }))
  return causes
}
