// The table of orders. Owns no transaction: open.ts wraps each call, together with the event that belongs to it.
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { OrderRecord, OrderState, ProcessMark } from './types.ts'

interface Row {
  id: number
  task_uid: string
  attempt: number
  nonce: string
  not_after: number
  state: OrderState
  cancel_requested: number
  mark: string
  payload: Uint8Array
  checksum: number
}

const keptFinished = 5_000

function checksumOf(row: Omit<Row, 'checksum' | 'id'>): number {
  const head = [row.task_uid, row.attempt, row.nonce, row.not_after, row.state, row.cancel_requested, row.mark].join('|')
  return crc32(row.payload, crc32(head))
}

function toRecord(row: Row): OrderRecord {
  const record: OrderRecord = {
    taskUid: row.task_uid,
    attempt: row.attempt,
    order: Buffer.from(row.payload),
    nonce: row.nonce,
    notAfterMs: row.not_after,
    state: row.state,
    isCancelRequested: row.cancel_requested === 1,
  }
  if (row.mark !== '') record.mark = JSON.parse(row.mark) as ProcessMark
  return record
}

export function createOrders(database: DatabaseSync) {
  const byKey = database.prepare('SELECT * FROM orders WHERE task_uid = ? AND attempt = ?')
  const latest = database.prepare('SELECT max(attempt) AS attempt FROM orders WHERE task_uid = ?')
  const byNonce = database.prepare('SELECT 1 AS found FROM orders WHERE nonce = ? LIMIT 1')
  const open = database.prepare(`SELECT * FROM orders WHERE state <> 'finished' ORDER BY id`)
  const all = database.prepare('SELECT * FROM orders')
  const insert = database.prepare(
    'INSERT INTO orders (task_uid, attempt, nonce, not_after, state, cancel_requested, mark, payload, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const update = database.prepare('UPDATE orders SET state = ?, cancel_requested = ?, mark = ?, payload = ?, checksum = ? WHERE id = ?')
  const forget = database.prepare(
    `DELETE FROM orders WHERE state = 'finished' AND not_after < ?
       AND id <= (SELECT max(id) FROM orders) - ${keptFinished}
       AND NOT EXISTS (SELECT 1 FROM events WHERE events.task_uid = orders.task_uid AND events.attempt = orders.attempt)`,
  )
  const row = (taskUid: string, attempt: number) => byKey.get(taskUid, attempt) as Row | undefined

  return {
    get(taskUid: string, attempt: number): OrderRecord | undefined {
      const found = row(taskUid, attempt)
      return found && toRecord(found)
    },
    latestAttempt: (taskUid: string) => Number((latest.get(taskUid) as { attempt: number | null }).attempt ?? 0),
    hasNonce: (nonce: string) => byNonce.get(nonce) !== undefined,
    unfinished: () => (open.all() as unknown as Row[]).map(toRecord),
    insert(record: OrderRecord): void {
      const mark = record.mark ? JSON.stringify(record.mark) : ''
      const fields = {
        task_uid: record.taskUid,
        attempt: record.attempt,
        nonce: record.nonce,
        not_after: record.notAfterMs,
        state: record.state,
        cancel_requested: record.isCancelRequested ? 1 : 0,
        mark,
        payload: record.order,
      }
      insert.run(...Object.values(fields), checksumOf(fields))
    },
    /** False when there is no such order or it is finished: a finished order never changes again. */
    change(taskUid: string, attempt: number, change: { state?: OrderState; isCancelRequested?: boolean; mark?: ProcessMark }): boolean {
      const found = row(taskUid, attempt)
      if (!found || found.state === 'finished') return false
      if (change.state) found.state = change.state
      if (change.isCancelRequested) found.cancel_requested = 1
      if (change.mark) found.mark = JSON.stringify(change.mark)
      // The input (maybe a file's content) is not needed any more; the key is, to recognise copies.
      if (found.state === 'finished') found.payload = new Uint8Array()
      update.run(found.state, found.cancel_requested, found.mark, found.payload, checksumOf(found), found.id)
      return true
    },
    prune: (hubTimeMs: number) => void forget.run(hubTimeMs),
    /** The first order whose checksum is wrong. */
    firstDamaged(): string | undefined {
      for (const found of all.iterate() as Iterable<unknown> as Iterable<Row>)
        if (checksumOf(found) !== found.checksum) return `order ${found.id} has a wrong checksum`
      return undefined
    },
  }
}
