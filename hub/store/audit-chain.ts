// Each audit row carries the hash of the one before it: a row that is changed, removed or put in breaks the chain from there on.
import { createHash } from 'node:crypto'
import type { AuditEntry, AuditRow } from './types.ts'

/** SHA-256 (hex) over the previous hash and the row in a fixed order. */
export function auditHash(previousHash: string, id: number, entry: AuditEntry): string {
  const row = [
    id,
    entry.at,
    entry.user,
    entry.verb,
    entry.resource,
    entry.name,
    entry.decision,
    entry.result,
    entry.remoteAddress,
    entry.detail ?? null,
  ]
  return createHash('sha256')
    .update(`${previousHash}\n${JSON.stringify(row)}`)
    .digest('hex')
}

/** Checks a page of rows that follows `previous`; returns the first id that does not fit. */
export function firstBadRow(rows: readonly AuditRow[], previous: { id: number; hash: string }): number | undefined {
  let { id, hash } = previous
  for (const row of rows) {
    if (row.id !== id + 1 || row.previousHash !== hash || row.hash !== auditHash(hash, row.id, row)) return row.id
    id = row.id
    hash = row.hash
  }
  return undefined
}
