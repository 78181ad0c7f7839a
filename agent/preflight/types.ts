// A check: what it is about, where it applies, and one read-only look at the machine.
import type { Probes } from '#agent/host/probes.ts'
import type { Host } from '#agent/host/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { PreflightInput } from '#shared/contract/actions.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import type { Machine } from './machine.ts'

export type Role = 'controlPlane' | 'worker'
export type Severity = PreflightRow['severity']
export const groups = ['kubeadm', 'identity', 'time', 'dns', 'network', 'disk', 'host', 'leftovers'] as const
export type Group = (typeof groups)[number]

/** What the machine is to become. */
export interface Target {
  role: Role
  /** As `1.31` or `1.31.4`. */
  version: string
  minor: number
  /** The minor whose rules apply: `minor` itself, or the nearest that the version table knows. */
  ruleMinor: number
  clusterCIDRs: string[]
  serviceCIDRs: string[]
  joinCIDRs: string[]
  plugin?: NonNullable<PreflightInput['plugin']>
  input: PreflightInput
}

export interface CheckContext {
  host: Host
  probes: Probes
  machine: Machine
  target: Target
  clock: Clock
  random: () => number
  /** Aborted when the check is over its time or the whole run is cancelled. */
  signal: AbortSignal
}

export interface Finding {
  outcome: PreflightRow['outcome']
  observed: string
  expected?: string
  remedy?: string
  /** Instead of the check's own, where the extent decides. */
  severity?: Severity
}

export interface Check {
  /** kubeadm's own name where it has one. */
  id: string
  group: Group
  severity: Severity
  /** By the minor's rules: another severity, or undefined where the check does not exist for that minor. */
  severityByMinor?(minor: number): Severity | undefined
  roles?: readonly Role[]
  expected: string
  source: string
  timeoutMs?: number
  /** Runs when no other does: it measures. */
  isExclusive?: boolean
  run(context: CheckContext): Promise<Finding>
}

export const pass = (observed: string): Finding => ({ outcome: 'pass', observed })
export const fail = (observed: string, remedy: string, severity?: Severity): Finding => ({ outcome: 'fail', observed, remedy, severity })
/** The probe could not run: never a pass. */
export const unknown = (observed: string, remedy: string): Finding => ({ outcome: 'unknown', observed, remedy })
export const skipped = (observed: string): Finding => ({ outcome: 'skipped', observed })
