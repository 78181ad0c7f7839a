// A preflight result row, the same in the agent's table, Task.status.result and the dashboard.
import Type, { type Static } from 'typebox'

export const PreflightSeverity = Type.Enum(['error', 'warning', 'info'])
export const PreflightOutcome = Type.Enum(['pass', 'fail', 'unknown', 'skipped'])

export const PreflightRow = Type.Object(
  {
    id: Type.String({ maxLength: 128, description: "kubeadm's own name of the check where it has one" }),
    severity: PreflightSeverity,
    outcome: PreflightOutcome,
    observed: Type.String({ maxLength: 4096 }),
    expected: Type.String({ maxLength: 1024 }),
    source: Type.String({ maxLength: 512, description: 'the rule’s origin' }),
    remedy: Type.String({ maxLength: 2048, description: 'what to do, empty when it passed' }),
    appliesTo: Type.Object(
      {
        roles: Type.Array(Type.String({ maxLength: 32 }), { maxItems: 4 }),
        kubernetes: Type.String({ maxLength: 64, description: 'semver range of Kubernetes minors' }),
      },
      { additionalProperties: false },
    ),
    group: Type.String({ maxLength: 32, description: 'kubeadm, identity, time, dns, network, disk, host, leftovers' }),
    ignored: Type.Optional(Type.Boolean({ description: 'demoted to a warning by --ignore' })),
    durationMs: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
)
export type PreflightRow = Static<typeof PreflightRow>

export const PreflightSummary = Type.Object(
  {
    pass: Type.Integer(),
    fail: Type.Integer({ description: 'failed with severity error' }),
    warn: Type.Integer({ description: 'failed with severity warning or info' }),
    unknown: Type.Integer(),
    skipped: Type.Integer(),
  },
  { additionalProperties: false },
)
export type PreflightSummary = Static<typeof PreflightSummary>

export function summarizePreflight(rows: readonly PreflightRow[]): PreflightSummary {
  const summary: PreflightSummary = { pass: 0, fail: 0, warn: 0, unknown: 0, skipped: 0 }
  for (const row of rows) {
    if (row.outcome === 'fail') summary[row.severity === 'error' ? 'fail' : 'warn']++
    else summary[row.outcome]++
  }
  return summary
}
