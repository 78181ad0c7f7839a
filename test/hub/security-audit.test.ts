import test from 'ava'
import { type GatewayAuditEntry, securityAudit } from '#hub/security-audit.ts'
import { systemClock } from '#shared/clock/clock.ts'

test('of a flood the first rows of each minute are written, with how many were not; another agent is not concerned', async (t) => {
  let nowMs = 0
  const rows: GatewayAuditEntry[] = []
  const report = securityAudit(async (row) => void rows.push(row), { ...systemClock, monotonicMs: () => nowMs })
  const event = { kind: 'PermissionViolation', agentId: 'a', address: '192.0.2.1', message: 'tried' } as const
  for (let index = 0; index < 1000; index++) report(event)
  report({ ...event, agentId: 'b' })
  t.deepEqual(rows.map((row) => row.name).join(''), `${'a'.repeat(20)}b`)
  t.like(rows[0], {
    verb: 'PermissionViolation',
    result: 'PermissionViolation',
    decision: 'deny',
    remoteAddress: '192.0.2.1',
    detail: 'tried',
  })
  nowMs += 60_000
  report(event)
  t.is(rows.at(-1)?.detail, 'tried; 980 before it were not written')
})
