import type { Resource } from '#shared/contract/meta.ts'

/** The hash stays in the hub: it is of no use to a reader, and of some to one who guesses. */
export function hideTokenHash(object: Resource): Resource {
  const { tokenHash: _hash, ...status } = (object.status ?? {}) as { tokenHash?: string }
  return { ...object, status }
}
