import { readLine } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass, type Severity, unknown } from '../types.ts'

export interface SysctlRule {
  severity: Severity
  expected: string
  /** What to set it to. */
  value: string
  source: string
  isGood(value: string): boolean
  /** Outcome when the kernel has no such key. */
  whenAbsent?: 'pass'
}

/** At least so much. */
export const atLeast = (least: number) => ({
  expected: `at least ${least}`,
  value: String(least),
  isGood: (value: string) => Number(value) >= least,
})

export function sysctl(key: string, rule: SysctlRule): Check {
  const path = `/proc/sys/${key.replaceAll('.', '/')}`
  return {
    id: `Sysctl-${key}`,
    group: 'host',
    severity: rule.severity,
    expected: `${key}: ${rule.expected}`,
    source: rule.source,
    async run({ host }) {
      const value = await readLine(host, path)
      const remedy = `\`sysctl -w '${key}=${rule.value}'\`, and \`echo '${key} = ${rule.value}' >> /etc/sysctl.d/90-kubernetes.conf\` to keep it.`
      if (value === undefined)
        return rule.whenAbsent === 'pass'
          ? pass('the kernel has no such setting')
          : unknown(`${path} does not exist`, `Look at \`sysctl ${key}\`.`)
      return rule.isGood(value) ? pass(value) : fail(value, remedy)
    },
  }
}

/** 1 is strict: answers that come back another way than they went are dropped, which they do with several cards and with calico. */
export const isNotStrict = (value: string): boolean => value !== '1'

/** Ports that the kernel hands to clients must not be those that NodePort services listen on. */
export function leavesNodePorts(value: string): boolean {
  const [first = 0, last = 0] = value.split(/\s+/).map(Number)
  return last < 30_000 || first > 32_767
}
