// Every kind of this version, in the order discovery lists them.
import type { KindDefinition } from '../types.ts'
import { accessBindingKind } from './access-binding.ts'
import { accessTokenKind } from './access-token.ts'
import { clusterKind } from './cluster.ts'
import { type CredentialKindOptions, credentialKind } from './credential.ts'
import { type JoinTokenKindOptions, joinTokenKind } from './join-token.ts'
import { machineKind } from './machine.ts'
import { taskKind } from './task.ts'

export function kindDefinitions(options: JoinTokenKindOptions & CredentialKindOptions): KindDefinition[] {
  return [clusterKind, machineKind, taskKind, joinTokenKind(options), credentialKind(options), accessTokenKind(options), accessBindingKind]
}
