// Output of tasks, one log per attempt. Rows are numbered per log, so that a reader resumes by number whoever wrote them.
import type { Database } from 'better-sqlite3'
import { limits } from '#shared/contract/limits.ts'
import { rowChecksum } from '../object-text.ts'
import type { NewTaskLogRow, TaskLogRow } from '../types.ts'

export interface OpenLog {
  id: number
  lastRow: number
  sizeBytes: number
  droppedEvents: number
}

interface StoredRow {
  sequence: number
  at: string
  stream: string
  data: Buffer
  checksum: number
}

const key = (logId: number, sequence: number) => `log/${logId}/${sequence}`

export interface TaskLogWriter {
  open(taskUid: string, attempt: number): OpenLog
  /** False when the log is full. */
  append(log: OpenLog, at: string, stream: string, data: Uint8Array): boolean
  /** Opens, appends what fits and saves; the size of the log then. */
  appendRows(taskUid: string, attempt: number, rows: readonly NewTaskLogRow[]): number
  /** Stores the numbers of a log that was appended to. */
  save(log: OpenLog): void
  read(taskUid: string, attempt: number, since: number, limitBytes: number): TaskLogRow[]
}

export function createTaskLogWriter(db: Database): TaskLogWriter {
  const columns = 'id, last_row AS lastRow, size_bytes AS sizeBytes, dropped_events AS droppedEvents'
  const find = db.prepare<[string, number], OpenLog>(`SELECT ${columns} FROM task_logs WHERE task_uid = ? AND attempt = ?`)
  const create = db.prepare<[string, number], OpenLog>(`INSERT INTO task_logs (task_uid, attempt) VALUES (?, ?) RETURNING ${columns}`)
  const insert = db.prepare('INSERT INTO task_log_rows (log_id, sequence, at, stream, data, checksum) VALUES (?, ?, ?, ?, ?, ?)')
  const update = db.prepare('UPDATE task_logs SET last_row = ?, size_bytes = ?, dropped_events = ? WHERE id = ?')
  const select = db.prepare<[number, number], StoredRow>(
    'SELECT sequence, at, stream, data, checksum FROM task_log_rows WHERE log_id = ? AND sequence > ? ORDER BY sequence',
  )
  const self: TaskLogWriter = {
    open: (taskUid, attempt) => find.get(taskUid, attempt) ?? (create.get(taskUid, attempt) as OpenLog),
    append(log, at, stream, data) {
      if (log.sizeBytes + data.byteLength > limits.taskLogBytes) {
        log.droppedEvents++
        return false
      }
      log.lastRow++
      log.sizeBytes += data.byteLength
      insert.run(log.id, log.lastRow, at, stream, data, rowChecksum(key(log.id, log.lastRow), data))
      return true
    },
    appendRows(taskUid, attempt, rows) {
      const log = self.open(taskUid, attempt)
      for (const { at, stream, data } of rows) self.append(log, at, stream, data)
      self.save(log)
      return log.sizeBytes
    },
    save: (log) => void update.run(log.lastRow, log.sizeBytes, log.droppedEvents, log.id),
    read(taskUid, attempt, since, limitBytes) {
      const log = find.get(taskUid, attempt)
      if (!log) return []
      const rows: TaskLogRow[] = []
      let bytes = 0
      for (const { sequence, at, stream, data, checksum } of select.iterate(log.id, since)) {
        bytes += data.byteLength
        // At least one row, so that a reader with a small limit gets on.
        if (bytes > limitBytes && rows.length > 0) break
        if (checksum !== rowChecksum(key(log.id, sequence), data))
          rows.push({
            taskUid,
            attempt,
            sequence,
            at,
            stream: 'system',
            data: Buffer.from('[this part of the log is damaged on the hub]\n'),
          })
        else rows.push({ taskUid, attempt, sequence, at, stream, data })
      }
      return rows
    },
  }
  return self
}
