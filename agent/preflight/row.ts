// From a finding to the row of the contract: bounded, printable, demoted when ignored.
import type { PreflightRow } from '#shared/contract/preflight.ts'
import type { Check, Finding, Target } from './types.ts'
import { rangeOf } from './versions.ts'

const allRoles = ['controlPlane', 'worker'] as const

/** By id, or by kubeadm's name where one name of its has several rows (SystemVerification); any case, and `all`, as there. */
export function isIgnored(check: Check, ignore: readonly string[]): boolean {
  const id = check.id.toLowerCase()
  return ignore.some((entry) => entry === 'all' || entry.toLowerCase() === id || id.startsWith(`${entry.toLowerCase()}/`))
}

export function toRow(check: Check, finding: Finding, target: Target, isDemoted: boolean, elapsedMs: number): PreflightRow {
  const severity = finding.severity ?? check.severityByMinor?.(target.ruleMinor) ?? check.severity
  const needsRemedy = finding.outcome === 'fail' || finding.outcome === 'unknown'
  return {
    id: check.id,
    group: check.group,
    severity: isDemoted && severity === 'error' ? 'warning' : severity,
    outcome: finding.outcome,
    observed: printable(finding.observed, 4096),
    expected: printable(finding.expected ?? check.expected, 1024),
    source: printable(check.source, 512),
    remedy: needsRemedy ? printable(finding.remedy ?? '', 2048) : '',
    appliesTo: {
      roles: [...(check.roles ?? allRoles)],
      kubernetes: check.severityByMinor ? rangeOf((minor) => check.severityByMinor?.(minor) !== undefined) : '*',
    },
    ...(isDemoted ? { ignored: true } : {}),
    durationMs: Math.max(0, Math.round(elapsedMs)),
  }
}

/** Texts come from files of the machine and end on a terminal: no control characters, and cut at the contract's length. */
function printable(text: string, maxLength: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const clean = text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]+/g, ' ').trim()
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1)}…` : clean
}
