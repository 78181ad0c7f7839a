// Appends to and reads from the audit table; see audit-chain.ts for the chain.
import type { Database } from 'better-sqlite3'
import { auditHash } from '../audit-chain.ts'
import type { AuditEntry, AuditRow } from '../types.ts'

interface Stored extends Omit<AuditRow, 'detail'> {
  detail: string | null
}

export interface AuditWriter {
  append(entry: AuditEntry): AuditRow
  read(afterId: number, limit: number): AuditRow[]
  head(): { id: number; hash: string }
  finish(): void
  reload(): void
}

export function createAuditWriter(db: Database): AuditWriter {
  const insert = db.prepare(
    `INSERT INTO audit (id, at, user, verb, resource, name, decision, result, remote_address, detail, previous_hash, hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const select = db.prepare<[number, number], Stored>(
    `SELECT id, at, user, verb, resource, name, decision, result, remote_address AS remoteAddress, detail,
            previous_hash AS previousHash, hash
       FROM audit WHERE id > ? ORDER BY id LIMIT ?`,
  )
  const getHead = db.prepare<[], { id: number; hash: string }>('SELECT id, hash FROM audit_head')
  const setHead = db.prepare('UPDATE audit_head SET id = ?, hash = ?')
  const readHead = () => getHead.get() ?? { id: 0, hash: '' }
  let head = readHead()
  let isDirty = false

  return {
    append(entry) {
      const id = head.id + 1
      const previousHash = head.hash
      const hash = auditHash(previousHash, id, entry)
      const { at, user, verb, resource, name, decision, result, remoteAddress, detail } = entry
      insert.run(id, at, user, verb, resource, name, decision, result, remoteAddress, detail ?? null, previousHash, hash)
      head = { id, hash }
      isDirty = true
      return { ...entry, id, previousHash, hash }
    },
    read: (afterId, limit) => select.all(afterId, limit).map(({ detail, ...row }) => (detail === null ? row : { ...row, detail })),
    head: () => head,
    finish() {
      if (isDirty) setHead.run(head.id, head.hash)
      isDirty = false
    },
    reload() {
      // A rollback to a savepoint keeps the rows of earlier commands of the group, whose head is not stored yet: the table is what counts.
      const last = db.prepare<[], { id: number; hash: string }>('SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1').get()
      const known = readHead()
      head = last && last.id >= known.id ? last : known
      isDirty = true
    },
  }
}
