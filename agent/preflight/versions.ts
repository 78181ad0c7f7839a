// What kubeadm's preflight asks for, by the target's minor. The only place where a check depends on the version.
import type { Severity } from './types.ts'

export interface VersionRules {
  /** Programs that have to be in PATH; `error` are mandatory, `warning` optional (cmd/kubeadm/app/preflight/checks_linux.go). */
  programs: Readonly<Record<string, 'error' | 'warning'>>
  /** FileContent checks of net.bridge.bridge-nf-call-*. Gone since 1.30 (kubernetes/kubernetes#123464). */
  hasBridgeNetfilter: boolean
  /** cgroup v1: accepted, in maintenance since 1.31, refused by the kubelet since 1.35 (KEP-4569, KEP-5573). */
  cgroupV1?: Severity
  /** How many minors the kubelet may be older than the control plane that kubeadm makes (kubernetes/kubernetes#120825). */
  kubeletSkew: number
  /** Oldest external etcd (`MinExternalEtcdVersion`). */
  minExternalEtcd: string
}

const always = { mount: 'error', touch: 'warning' } as const
const network = { ip: 'error', iptables: 'error', nsenter: 'error', ethtool: 'warning', tc: 'warning' } as const
const until131 = { ...always, ...network, conntrack: 'error', ebtables: 'warning', socat: 'warning' } as const
const until130 = { ...until131, crictl: 'error' } as const
const since133 = { ...always, cp: 'error', losetup: 'error' } as const

export const versionRules: Readonly<Record<number, VersionRules>> = {
  28: { programs: until130, hasBridgeNetfilter: true, kubeletSkew: 1, minExternalEtcd: '3.4.13-4' },
  29: { programs: until130, hasBridgeNetfilter: true, kubeletSkew: 3, minExternalEtcd: '3.4.13-4' },
  30: { programs: until130, hasBridgeNetfilter: false, kubeletSkew: 3, minExternalEtcd: '3.4.13-4' },
  31: {
    programs: { ...until131, crictl: 'warning' },
    hasBridgeNetfilter: false,
    cgroupV1: 'warning',
    kubeletSkew: 3,
    minExternalEtcd: '3.5.11-0',
  },
  32: { programs: { ...always, ...network }, hasBridgeNetfilter: false, cgroupV1: 'warning', kubeletSkew: 3, minExternalEtcd: '3.5.11-0' },
  33: { programs: since133, hasBridgeNetfilter: false, cgroupV1: 'warning', kubeletSkew: 3, minExternalEtcd: '3.5.11-0' },
  34: { programs: since133, hasBridgeNetfilter: false, cgroupV1: 'warning', kubeletSkew: 3, minExternalEtcd: '3.5.21-0' },
  35: { programs: since133, hasBridgeNetfilter: false, cgroupV1: 'error', kubeletSkew: 3, minExternalEtcd: '3.5.24-0' },
  36: { programs: since133, hasBridgeNetfilter: false, cgroupV1: 'error', kubeletSkew: 3, minExternalEtcd: '3.5.24-0' },
}

export const knownMinors: readonly number[] = Object.keys(versionRules)
  .map(Number)
  .sort((left, right) => left - right)
export const oldestMinor = Math.min(...knownMinors)
export const newestMinor = Math.max(...knownMinors)

/** The minor itself, or the nearest that the table knows. */
export function ruleMinorOf(minor: number): number {
  return Math.min(Math.max(minor, oldestMinor), newestMinor)
}

/** Throws for a minor that is not in the table: callers pass `ruleMinor`. */
export function rulesOf(minor: number): VersionRules {
  const rules = versionRules[minor]
  if (rules === undefined)
    throw new RangeError(`no preflight rules for Kubernetes 1.${minor}; known are 1.${oldestMinor} to 1.${newestMinor}`)
  return rules
}

/** Semver range of the known minors for which `applies`; `*` when it does for all of them. */
export function rangeOf(applies: (minor: number) => boolean): string {
  const minors = knownMinors.filter(applies)
  if (minors.length === knownMinors.length) return '*'
  if (minors.length === 0) return '<0.0.0'
  const ranges: string[] = []
  for (const [index, minor] of minors.entries()) {
    if (minors[index - 1] === minor - 1) continue
    let end = minor
    while (minors.includes(end + 1)) end++
    // Open towards versions that the table does not know yet (or no longer).
    const from = minor === oldestMinor ? '' : `>=1.${minor}.0-0`
    const to = end === newestMinor ? '' : `<1.${end + 1}.0-0`
    ranges.push([from, to].filter(Boolean).join(' '))
  }
  return ranges.join(' || ')
}
