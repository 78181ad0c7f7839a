// Group commit: everything that waits goes into one transaction, each command in a savepoint of its own, and nobody hears of success before COMMIT.
import type { Database } from 'better-sqlite3'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Command, FromWriter, Reply, WireChange } from '../commands.ts'
import { StorageError, toWireError } from '../errors.ts'
import { rowChecksum } from '../object-text.ts'
import { createAuditWriter } from './audit.ts'
import { createEventWriter } from './events.ts'
import { createObjectWriter, type LogLimits } from './objects.ts'
import { createTaskLogWriter } from './task-log.ts'

export type GroupResult = Extract<FromWriter, { type: 'group' }>
type Waiting = { id: number; command: Command }

const readers: readonly Command['type'][] = ['getSetting', 'committedSequence', 'taskLog', 'audit', 'auditHead']

export function createGroupWriter(db: Database, logLimits?: LogLimits): (commands: readonly Waiting[]) => GroupResult {
  const objects = createObjectWriter(db, logLimits)
  const audit = createAuditWriter(db)
  const logs = createTaskLogWriter(db)
  const events = createEventWriter(db, { objects, logs, audit })
  const settings = settingsTable(db)

  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')
  const savepoint = db.prepare('SAVEPOINT command')
  const release = db.prepare('RELEASE command')
  const rollbackTo = db.prepare('ROLLBACK TO command')

  function reload(): void {
    objects.reload()
    audit.reload()
  }

  function run(command: Command, group: GroupResult): unknown {
    switch (command.type) {
      case 'transact': {
        const changes: WireChange[] = command.ops.map(objects.apply)
        group.changes.push(...changes)
        return changes.map((change) => change.version)
      }
      case 'events': {
        const outcome = events.apply(command)
        group.changes.push(...outcome.changes)
        group.loggedTasks.push(...outcome.loggedTasks)
        group.warnings.push(...outcome.warnings)
        group.hasAudit ||= outcome.hasAudit
        return outcome.result
      }
      case 'appendTaskLog':
        if (!objects.byUid('Task', command.taskUid)) return 0
        group.loggedTasks.push(command.taskUid)
        return logs.appendRows(command.taskUid, command.attempt, command.rows)
      case 'appendAudit':
        group.hasAudit = true
        return audit.append(command.entry)
      case 'putSetting':
        return settings.put(command.key, command.value)
      case 'getSetting':
        return settings.get(command.key)
      case 'committedSequence':
        return events.committedSequence(command.agentId)
      case 'taskLog':
        return logs.read(command.taskUid, command.attempt, command.since, command.limitBytes)
      case 'audit':
        return audit.read(command.afterId, command.limit)
      case 'auditHead':
        return audit.head()
    }
  }

  /** Undoes what one command did; the others of its group stay. Rethrows when SQLite has ended the whole transaction (disk full, I/O error). */
  function undo(error: unknown): void {
    if (!db.inTransaction) throw error
    rollbackTo.run()
    release.run()
    reload()
  }

  function write(commands: readonly Waiting[], group: GroupResult): void {
    failpoint('hub.store.before-begin')
    begin.run()
    failpoint('hub.store.after-begin')
    for (const { id, command } of commands) {
      savepoint.run()
      const changesBefore = group.changes.length
      try {
        const value = run(command, group)
        release.run()
        group.replies.push(command.type === 'transact' ? { id, versions: value as number[] } : { id, value })
      } catch (error) {
        undo(error)
        group.changes.length = changesBefore
        group.replies.push({ id, error: toWireError(error) })
      }
    }
    objects.finish()
    audit.finish()
    failpoint('hub.store.before-commit')
    commit.run()
    failpoint('hub.store.after-commit')
  }

  return function runGroup(commands) {
    const group: GroupResult = { type: 'group', changes: [], replies: [], loggedTasks: [], hasAudit: false, warnings: [] }
    try {
      if (commands.every(({ command }) => readers.includes(command.type)))
        group.replies = commands.map(({ id, command }) => ({ id, value: run(command, group) }))
      else write(commands, group)
      return group
    } catch (error) {
      // SQLite may already have rolled back by itself.
      if (db.inTransaction) rollback.run()
      reload()
      const wire = toWireError(new StorageError(`the database refused the write: ${(error as Error).message}`))
      const replies: Reply[] = commands.map(({ id }) => ({ id, error: wire }))
      return { ...group, changes: [], loggedTasks: [], hasAudit: false, replies, warnings: [] }
    }
  }
}

function settingsTable(db: Database) {
  const get = db.prepare<[string], { value: string; checksum: number }>('SELECT value, checksum FROM settings WHERE key = ?')
  const put = db.prepare(
    'INSERT INTO settings (key, value, checksum) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum',
  )
  return {
    get(key: string): string | undefined {
      const row = get.get(key)
      if (row && row.checksum !== rowChecksum(`setting/${key}`, row.value))
        throw new StorageError(`the setting ${key} is damaged: restore a backup (npm run hub -- restore --from FILE)`)
      return row?.value
    },
    put: (key: string, value: string) => void put.run(key, value, rowChecksum(`setting/${key}`, value)),
  }
}
