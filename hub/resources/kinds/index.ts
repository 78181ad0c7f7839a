// Every kind of this version, in the order discovery lists them.
import type { KindDefinition } from '../types.ts'
import { accessBindingKind } from './access-binding.ts'
import { accessTokenKind } from './access-token.ts'
import { clusterKind } from './cluster.ts'
import { type JoinTokenKindOptions, joinTokenKind } from './join-token.ts'
import { machineKind } from './machine.ts'
import { taskKind } from './task.ts'

export function kindDefinitions(options: JoinTokenKindOptions): KindDefinition[] {
  return [clusterKind, machineKind, taskKind, joinTokenKind(options), accessTokenKind(options), accessBindingKind]
}
