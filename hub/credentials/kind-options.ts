// What the kind Credential needs of this folder.
import type { CredentialKindOptions } from '#hub/resources/kinds/credential.ts'
import { inspectCredential } from './inspect.ts'
import { fingerprintOf } from './open.ts'
import type { Vault } from './vault.ts'

export function credentialKindOptions(vault: Vault): CredentialKindOptions {
  return { vault, inspect: inspectCredential, fingerprint: fingerprintOf }
}
