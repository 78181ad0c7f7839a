// A vault with a key of its own for tests.
import { randomBytes } from 'node:crypto'
import { keyId } from '#hub/credentials/key.ts'
import { credentialKindOptions } from '#hub/credentials/kind-options.ts'
import { createVault, type Vault } from '#hub/credentials/vault.ts'

export function testVault(bytes: Uint8Array = randomBytes(32)): Vault {
  return createVault({ bytes, id: keyId(bytes) }, randomBytes)
}

export const testCredentialKind = (vault = testVault()) => credentialKindOptions(vault)
