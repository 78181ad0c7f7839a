// Secrets of an object at rest. Fields of `spec.data` of a kind that seals hold a mark and nothing else; the ciphertexts are beside spec,
// under a key that no client can write and that leaves the hub on no way. So whatever forgets to hide something shows a mark.
import { sealedMark } from '#shared/contract/credential.ts'
import type { Resource } from '#shared/contract/meta.ts'

/** Ciphertexts by the name of the field. */
export type SealedFields = Readonly<Record<string, string>>

interface Stored extends Resource {
  sealed?: SealedFields
}

export function sealedOf(object: Resource | undefined): SealedFields {
  return (object as Stored | undefined)?.sealed ?? {}
}

export function withSealed(object: Resource, sealed: SealedFields): Resource {
  const spec = object.spec as { data?: object }
  const data = Object.fromEntries(Object.keys(sealed).map((field) => [field, sealedMark]))
  return { ...object, spec: { ...spec, data }, sealed } as Resource
}

export function withoutSealed<T extends Resource>(object: T): T {
  if ((object as Stored).sealed === undefined) return object
  const { sealed: _sealed, ...shown } = object as T & Stored
  return shown as unknown as T
}
