// Writes objects and their change log. Runs in the writer thread, inside the transaction that group.ts has begun.
import type { Database } from 'better-sqlite3'
import type { WireChange, WireOp } from '../commands.ts'
import { AlreadyExistsError, ConflictError, NotFoundError } from '../errors.ts'
import { joinText, type ObjectText, objectKey, rowChecksum, withVersion } from '../object-text.ts'

/** Bounds of the change log; a watcher that is further behind lists again. */
export interface LogLimits {
  rows: number
  bytes: number
}
export const defaultLogLimits: LogLimits = { rows: 100_000, bytes: 64 * 1024 * 1024 }

export interface ObjectRow {
  name: string
  uid: string
  version: number
  json: string
}

export interface ObjectWriter {
  apply(op: WireOp): WireChange
  /** Replaces an object that was read in this transaction. */
  replace(kind: string, row: ObjectRow, text: ObjectText): WireChange
  byName(kind: string, name: string): ObjectRow | undefined
  byUid(kind: string, uid: string): ObjectRow | undefined
  version(): number
  /** Called at the end of each group: stores the counter and trims the log. */
  finish(): void
  /** After a rollback: forgets what was counted in memory. Numbers given out are not given out again. */
  reload(): void
}

export function createObjectWriter(db: Database, limits: LogLimits = defaultLogLimits): ObjectWriter {
  const selectByName = db.prepare<[string, string], ObjectRow>('SELECT name, uid, version, json FROM resources WHERE kind = ? AND name = ?')
  const selectByUid = db.prepare<[string, string], ObjectRow>('SELECT name, uid, version, json FROM resources WHERE uid = ? AND kind = ?')
  const insert = db.prepare('INSERT INTO resources (kind, name, uid, version, json, checksum) VALUES (?, ?, ?, ?, ?, ?)')
  const update = db.prepare('UPDATE resources SET version = ?, json = ?, checksum = ? WHERE kind = ? AND name = ?')
  const remove = db.prepare('DELETE FROM resources WHERE kind = ? AND name = ?')
  const removeRows = db.prepare('DELETE FROM task_log_rows WHERE log_id IN (SELECT id FROM task_logs WHERE task_uid = ?)')
  const removeLogs = db.prepare('DELETE FROM task_logs WHERE task_uid = ?')
  const insertChange = db.prepare('INSERT INTO changes (version, type, kind, name, json, checksum) VALUES (?, ?, ?, ?, ?, ?)')
  const setCounter = db.prepare('UPDATE counters SET value = ? WHERE name = ?')
  const getCounter = db.prepare<[string], number>('SELECT value FROM counters WHERE name = ?').pluck()
  const measure = db.prepare<[], { n: number; bytes: number }>(
    'SELECT count(*) AS n, coalesce(sum(octet_length(json)), 0) AS bytes FROM changes',
  )
  const oldest = db.prepare<[number], { version: number; bytes: number }>(
    'SELECT version, octet_length(json) AS bytes FROM changes ORDER BY version LIMIT ?',
  )
  const trimTo = db.prepare('DELETE FROM changes WHERE version <= ?')

  let given = getCounter.get('resource_version') ?? 0
  let stored = given
  let log = measure.get() ?? { n: 0, bytes: 0 }

  function record(type: WireChange['type'], kind: string, name: string, version: number, json: string): WireChange {
    insertChange.run(version, type, kind, name, json, rowChecksum(objectKey(kind, name, version), json))
    log.n++
    log.bytes += json.length
    return { type, version, kind, name, json }
  }

  function replace(kind: string, row: ObjectRow, text: ObjectText): WireChange {
    const version = ++given
    const json = joinText(text, version)
    update.run(version, json, rowChecksum(objectKey(kind, row.name, version), json), kind, row.name)
    return record('MODIFIED', kind, row.name, version, json)
  }

  function apply(op: WireOp): WireChange {
    const old = selectByName.get(op.kind, op.name)
    if (op.op === 'create') {
      if (old) throw new AlreadyExistsError(`${op.kind} ${op.name} already exists`)
      const version = ++given
      const json = joinText(op.text, version)
      insert.run(op.kind, op.name, op.uid, version, json, rowChecksum(objectKey(op.kind, op.name, version), json))
      return record('ADDED', op.kind, op.name, version, json)
    }
    if (!old) throw new NotFoundError(`${op.kind} ${op.name} does not exist`)
    if (op.uid && op.uid !== old.uid) throw new ConflictError(`${op.kind} ${op.name} is another object now (uid ${old.uid})`)
    if (op.expected !== undefined && op.expected !== old.version)
      throw new ConflictError(`${op.kind} ${op.name} has resourceVersion ${old.version}, not ${op.expected}`)
    if (op.op === 'update') return replace(op.kind, old, op.text)
    remove.run(op.kind, op.name)
    if (op.kind === 'Task') {
      removeRows.run(old.uid)
      removeLogs.run(old.uid)
    }
    const version = ++given
    return record('DELETED', op.kind, op.name, version, withVersion(old.json, version))
  }

  function trim(): void {
    // A tenth of slack, so that trimming happens once in a while and not at every commit.
    if (log.n <= limits.rows * 1.1 && log.bytes <= limits.bytes * 1.1) return
    let { n, bytes } = log
    let last = 0
    for (const row of oldest.all(n)) {
      if (n <= limits.rows && bytes <= limits.bytes) break
      n--
      bytes -= row.bytes
      last = row.version
    }
    trimTo.run(last)
    setCounter.run(last, 'compacted_version')
    log = { n, bytes }
  }

  return {
    apply,
    replace,
    byName: (kind, name) => selectByName.get(kind, name),
    byUid: (kind, uid) => selectByUid.get(uid, kind),
    version: () => given,
    finish() {
      if (given === stored) return
      trim()
      setCounter.run(given, 'resource_version')
      stored = given
    },
    reload() {
      stored = -1
      log = measure.get() ?? { n: 0, bytes: 0 }
    },
  }
}
