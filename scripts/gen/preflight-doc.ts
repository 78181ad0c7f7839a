import { checks } from '#agent/preflight/checks/index.ts'
import { versionRules } from '#agent/preflight/versions.ts'
import { code, table } from './section.ts'

export function preflightChecks(): string {
  return table(
    ['id', 'group', 'severity', 'roles', 'expected', 'source'],
    checks.map((check) => [
      code(check.id),
      check.group,
      check.severityByMinor ? 'by version' : check.severity,
      check.roles?.join(', ') ?? 'all',
      check.expected,
      check.source,
    ]),
  )
}

export function preflightVersions(): string {
  return table(
    ['Kubernetes', 'mandatory programs', 'optional programs', 'bridge netfilter', 'cgroup v1', 'kubelet skew', 'external etcd from'],
    Object.entries(versionRules).map(([minor, rules]) => {
      const programs = (severity: string) =>
        Object.entries(rules.programs)
          .filter(([, value]) => value === severity)
          .map(([name]) => name)
          .join(' ')
      return [
        `1.${minor}`,
        programs('error'),
        programs('warning'),
        rules.hasBridgeNetfilter ? 'checked' : 'not checked',
        rules.cgroupV1 ?? 'accepted',
        String(rules.kubeletSkew),
        rules.minExternalEtcd,
      ]
    }),
  )
}
