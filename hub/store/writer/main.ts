// Entry of the writer thread: the only connection to the database. Takes groups of commands, answers each after its commit.
import { parentPort, workerData } from 'node:worker_threads'
import type { Database } from 'better-sqlite3'
import { OperatorError } from '#shared/errors/api-error.ts'
import { databaseError } from '#shared/errors/database-catalogue.ts'
import { armFailpoints } from '#shared/flow/failpoint.ts'
import { backupOpenDatabase } from '../backup.ts'
import type { FromWriter, ToWriter } from '../commands.ts'
import { openDatabase } from '../database.ts'
import { toWireError } from '../errors.ts'
import { type DatabaseLock, lockDatabase } from '../lock.ts'
import { createGroupWriter } from './group.ts'
import { loadInto } from './load.ts'
import type { LogLimits } from './objects.ts'

export interface WriterData {
  path: string
  failpoints?: string
  logLimits?: LogLimits
}

const port = parentPort
if (!port) throw new Error('this file runs as a worker thread')
const post = (message: FromWriter) => port.postMessage(message)
const { path, failpoints, logLimits } = workerData as WriterData

if (failpoints) armFailpoints(failpoints, () => process.kill(process.pid, 'SIGKILL'))

const opened = open()
if (opened) serve(opened.db, opened.lock)
else port.close()

function open(): { db: Database; lock: DatabaseLock } | undefined {
  let lock: DatabaseLock | undefined
  try {
    lock = lockDatabase(path)
    const db = openDatabase(path)
    loadInto(db, path, post)
    return { db, lock }
  } catch (error) {
    lock?.release()
    const { code, message, next } =
      error instanceof OperatorError ? error : databaseError('DatabaseFailed', `${path} cannot be opened: ${(error as Error).message}`)
    post({ type: 'refused', code, message, next })
    return undefined
  }
}

function serve(db: Database, lock: DatabaseLock): void {
  const runGroup = createGroupWriter(db, logLimits)
  port?.on('message', (message: ToWriter) => {
    switch (message.type) {
      case 'group':
        return post(runGroup(message.commands))
      case 'backup':
        return void backupOpenDatabase(db, message.toPath, (fraction) => post({ type: 'progress', id: message.id, fraction })).then(
          () => post({ type: 'reply', reply: { id: message.id } }),
          (error: unknown) => post({ type: 'reply', reply: { id: message.id, error: toWireError(error) } }),
        )
      case 'close':
        // Leaves one file and no journal, so that what lies there after a clean stop is complete.
        db.pragma('wal_checkpoint(TRUNCATE)')
        db.close()
        lock.release()
        post({ type: 'closed' })
        port.close()
    }
  })
}
