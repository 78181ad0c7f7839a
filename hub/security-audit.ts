// Puts what happens at the gateway (enrolments, renewals, hostile bytes) into the same audit chain as the API's writes.
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
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
