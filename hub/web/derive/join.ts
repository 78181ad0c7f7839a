// What the join wizard asks for, as a JoinToken; and how far a machine that used it has come. Pure.
import { isConditionTrue } from '#shared/contract/conditions.ts'
import type { JoinTokenSpec } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { machinePhase } from './machine.ts'

export interface JoinChoice {
  clusterRef: string
  role: 'worker' | 'controlPlane'
  uses: number
  ttlSeconds: number
  approval: 'Manual' | 'Automatic'
  hostname: string
  addresses: string
}

export const lifetimes = [
  [3_600, '1 hour'],
  [86_400, '24 hours'],
  [604_800, '7 days'],
  [2_592_000, '30 days'],
] as const

export function splitAddresses(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

/** A shape check only; the hub has the last word. */
export function addressProblem(text: string): string | undefined {
  const wrong = splitAddresses(text).find((one) => !/^[0-9a-fA-F.:]+(\/\d{1,3})?$/.test(one))
  return wrong === undefined ? undefined : `“${wrong}” is not an address or a network such as 10.20.0.0/16.`
}

export function joinTokenSpec(choice: JoinChoice): JoinTokenSpec {
  const addresses = splitAddresses(choice.addresses).map((one) => (one.includes('/') ? one : `${one}/${one.includes(':') ? 128 : 32}`))
  const hostname = choice.hostname.trim()
  return {
    uses: choice.uses,
    ttlSeconds: choice.ttlSeconds,
    role: choice.role,
    approval: choice.approval,
    ...(choice.clusterRef && { clusterRef: choice.clusterRef }),
    ...((hostname || addresses.length > 0) && { match: { ...(hostname && { hostname }), ...(addresses.length > 0 && { addresses }) } }),
  }
}

/** asked → approved → connected → checked; `refused` when somebody denied it. */
export type JoinStage = 'asked' | 'approved' | 'connected' | 'checked' | 'refused'

export function joinStage(machine: Machine): JoinStage {
  const phase = machinePhase(machine)
  if (phase === 'Denied' || phase === 'Revoked') return 'refused'
  if (machine.status?.preflight) return 'checked'
  if (phase === 'Connected') return 'connected'
  return machine.spec.approved || isConditionTrue(machine.status?.conditions, 'Approved') ? 'approved' : 'asked'
}
