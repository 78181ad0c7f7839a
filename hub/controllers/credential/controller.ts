import type { Credential } from '#shared/contract/credential.ts'
import { type Controller, createStatusController, type StatusControllerDeps } from '#hub/controllers/runtime/status-controller.ts'
import { openFields } from '#hub/credentials/open.ts'
import type { Vault } from '#hub/credentials/vault.ts'
import { planCredential } from './plan.ts'

export function createCredentialController({ vault, ...deps }: StatusControllerDeps & { vault: Vault }): Controller {
  return createStatusController<Credential>(deps, 'Credential', (credential, now) =>
    planCredential(credential, openFields(credential, vault) !== undefined, now),
  )
}
