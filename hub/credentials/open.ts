// Opens Credentials for the hub's own use: looked up and decrypted anew each time, so that a replaced one counts from the next dial on.
import { createHash } from 'node:crypto'
import type { Credential, CredentialData } from '#shared/contract/credential.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { type SealedFields, sealedOf } from '#hub/resources/sealed.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Credentials } from './types.ts'
import type { Vault } from './vault.ts'

export function createCredentials({ resources, vault }: { resources: Pick<Resources, 'get'>; vault: Vault }): Credentials {
  return {
    open(name, { types, cluster }) {
      const credential = resources.get<Credential>('Credential', name)
      if (!credential) throw unusable(name, 'does not exist. Create it again under this name, or refer to another one')
      const { type, clusterRef } = credential.spec
      if (!types.includes(type)) throw unusable(name, `is of type ${type}; what it is used for needs ${types.join(' or ')}`)
      if (clusterRef !== undefined && clusterRef !== cluster)
        throw unusable(name, `may be used for the cluster ${clusterRef} only (its spec.clusterRef)`)
      const data = openFields(credential, vault)
      if (!data) throw unusable(name, 'was sealed with another key. Put the right credentials.key back, or write its data anew')
      return { type, data, fingerprint: fingerprintOf(sealedOf(credential)) }
    },
  }
}

/** Undefined when a field does not open. */
export function openFields(object: Resource, vault: Pick<Vault, 'open'>): CredentialData | undefined {
  const data: Record<string, string> = {}
  for (const [field, sealed] of Object.entries(sealedOf(object))) {
    const text = vault.open(object.metadata.uid ?? '', field, sealed)
    if (text === undefined) return undefined
    data[field] = text
  }
  return data
}

/** Of the ciphertexts, which have random nonces: it changes with the data and tells nothing about it, not even that two are equal. */
export function fingerprintOf(sealed: SealedFields): string {
  const entries = Object.entries(sealed).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 32)
}

function unusable(name: string, why: string): ApiError {
  return new ApiError('ServiceUnavailable', `Credential ${name} ${why}`, { kind: 'Credential', name })
}
