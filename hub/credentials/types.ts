// What the rest of the hub sees of Credentials: their secrets in clear, for one use, when the kind and the cluster fit.
import type { CredentialData, CredentialSpec } from '#shared/contract/credential.ts'

export type CredentialType = CredentialSpec['type']

export interface OpenedCredential {
  type: CredentialType
  /** In clear: for the call at hand only. Never logged, never kept, never part of an object, an event or a result. */
  data: CredentialData
  /** Changes when the data does. */
  fingerprint: string
}

export interface CredentialUse {
  /** Which types will do. */
  types: readonly CredentialType[]
  /** The Cluster on whose behalf it is opened, itself or through one of its Machines: a Credential bound to another one is refused. */
  cluster?: string
}

export interface Credentials {
  /**
   * Cheap enough to be called for each dial.
   * @throws ApiError ServiceUnavailable naming the Credential and what to do: it is missing, of another type, bound elsewhere, or was
   * sealed with another key
   */
  open(name: string, use: CredentialUse): OpenedCredential
}
