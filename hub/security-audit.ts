// Puts what happens at the gateway (enrolments, renewals, hostile bytes) into the same audit chain as the API's writes.
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { SecurityEvent } from '#hub/gateway/types.ts'
import type { AuditEntry, Store } from '#hub/store/types.ts'

export type GatewayAuditEntry = Pick<AuditEntry, 'verb' | 'name' | 'decision' | 'result' | 'remoteAddress' | 'detail'>

/** Resolves when the row is durable. A row that cannot be written is logged and thrown. */
export function auditWriter(store: Store, clock: Clock, log: Log): (entry: GatewayAuditEntry) => Promise<void> {
  return async (entry) => {
    const row = {
      ...entry,
      detail: entry.detail?.slice(0, 1024),
      at: clock.now().toISOString(),
      user: `agent:${entry.name.slice(0, 253)}`,
      resource: 'identities',
    }
    try {
      await store.appendAudit(row)
    } catch (error) {
      log.error({ err: error, verb: entry.verb, result: entry.result }, 'an audit row could not be written')
      throw error
    }
  }
}

/** Rows a minute for one kind of event of one agent: a hostile one must not fill the disk with the story of itself. */
const rowsPerMinute = 20
const maxAgents = 10_000

/** What the gateway refuses, as audit rows. Of a flood the first rows of each minute are written, with the number of those before. */
export function securityAudit(audit: (entry: GatewayAuditEntry) => Promise<void>, clock: Clock): (event: SecurityEvent) => void {
  const windows = new Map<string, { endsAtMs: number; rows: number; left: number }>()
  return ({ kind, agentId, address, message }) => {
    const key = `${kind} ${agentId || address}`
    const nowMs = clock.monotonicMs()
    const before = windows.get(key)
    const isOpen = before !== undefined && nowMs < before.endsAtMs
    const window = isOpen ? before : { endsAtMs: nowMs + 60_000, rows: 0, left: before?.left ?? 0 }
    // In order of use, so that the one forgotten is the one longest silent.
    windows.delete(key)
    windows.set(key, window)
    if (windows.size > maxAgents) windows.delete(windows.keys().next().value as string)
    if (window.rows++ >= rowsPerMinute) return void (window.left += 1)
    const detail = window.left > 0 ? `${message}; ${window.left} before it were not written` : message
    window.left = 0
    // auditWriter has logged what could not be written.
    audit({ verb: kind, name: agentId, decision: 'deny', result: kind, remoteAddress: address, detail }).catch(() => {})
  }
}
