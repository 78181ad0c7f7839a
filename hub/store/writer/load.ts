// Sends all objects and the newest part of the change log to the replica, in pieces, checking every row.
import type { Database } from 'better-sqlite3'
import type { FromWriter, WireChange } from '../commands.ts'
import { corrupt } from '../database.ts'
import { objectKey, rowChecksum } from '../object-text.ts'
import { replicaLogLimits } from '../replica.ts'

const pieceBytes = 4 * 1024 * 1024

interface Row extends WireChange {
  checksum: number
}

/** Throws OperatorError when a row does not match its checksum. */
export function loadInto(db: Database, path: string, post: (message: FromWriter) => void): void {
  const counter = db.prepare<[string], number>('SELECT value FROM counters WHERE name = ?').pluck()
  const version = counter.get('resource_version') ?? 0
  const compacted = counter.get('compacted_version') ?? 0

  const objects = db.prepare<[], Row>("SELECT 'ADDED' AS type, version, kind, name, json, checksum FROM resources ORDER BY kind, name")
  sendRows(objects.iterate(), path, (rows) => post({ type: 'load', rows }))

  // From the newest back until the replica's own bounds are met.
  let bytes = 0
  let count = 0
  let from = version + 1
  const sizes = db.prepare<[number], { version: number; bytes: number }>(
    'SELECT version, octet_length(json) AS bytes FROM changes ORDER BY version DESC LIMIT ?',
  )
  for (const row of sizes.iterate(replicaLogLimits.rows)) {
    bytes += row.bytes
    if (bytes > replicaLogLimits.bytes) break
    from = row.version
    count++
  }
  const changes = db.prepare<[number], Row>(
    'SELECT type, version, kind, name, json, checksum FROM changes WHERE version >= ? ORDER BY version',
  )
  sendRows(changes.iterate(from), path, (rows) => post({ type: 'log', rows }))
  const total = db.prepare<[], number>('SELECT count(*) FROM changes').pluck().get() ?? 0
  post({ type: 'ready', version, compacted: count === total ? compacted : from - 1 })
}

function sendRows(rows: Iterable<Row>, path: string, send: (rows: WireChange[]) => void): void {
  let piece: WireChange[] = []
  let bytes = 0
  for (const { checksum, ...row } of rows) {
    if (checksum !== rowChecksum(objectKey(row.kind, row.name, row.version), row.json))
      throw corrupt(path, `the stored ${row.kind} ${row.name} does not match its checksum`)
    piece.push(row)
    bytes += row.json.length
    if (bytes < pieceBytes) continue
    send(piece)
    piece = []
    bytes = 0
  }
  if (piece.length > 0) send(piece)
}
