// What the pages say about a machine, read from the object alone.
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'

export const machinePhases = ['Connected', 'Disconnected', 'Pending', 'Denied', 'Revoked'] as const

export function machinePhase(machine: Machine): string {
  return machine.status?.phase ?? 'Pending'
}

/** Waits for a person to compare the fingerprint. */
export function isAwaitingApproval(machine: Machine): boolean {
  return machine.status?.enrollment !== undefined && machine.spec.approved === undefined && machine.spec.revoked !== true
}

export function machineTitle(machine: Machine): string {
  return machine.spec.displayName || machine.metadata.name
}

/** Its own; the one that the hub saw may be that of a proxy or NAT, the same for a whole site. */
export function machineAddress({ spec, status }: Machine): string {
  return spec.ipv4 ?? spec.ipv6 ?? status?.enrollment?.addresses?.[0] ?? status?.enrollment?.remoteAddress ?? ''
}

export type PreflightVerdict = 'failed' | 'unknown' | 'warnings' | 'passed' | 'none'

export function preflightVerdict(machine: Machine): PreflightVerdict {
  const summary = machine.status?.preflight?.summary
  if (!summary) return 'none'
  if (summary.fail > 0) return 'failed'
  if (summary.unknown > 0) return 'unknown'
  return summary.warn > 0 ? 'warnings' : 'passed'
}

/** Milliseconds of validity left; undefined when there is no certificate yet. */
export function certificateLeftMs(machine: Machine, now: Date): number | undefined {
  const end = machine.status?.certificate?.notAfter
  return end === undefined ? undefined : Date.parse(end) - now.getTime()
}

/** Agents renew at two thirds of seven days; under a day left means that renewal has been failing for more than a day. */
export const certificateWarningMs = 24 * 3600 * 1000

/** Why the machine is not what it should be, in its own condition's words. */
export function disconnectedReason(machine: Machine): string {
  const condition = findCondition(machine.status?.conditions, 'Connected')
  return condition && condition.status !== 'True' ? condition.message : ''
}

export function countBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
