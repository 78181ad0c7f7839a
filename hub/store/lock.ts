// One hub per database: an exclusive SQLite lock on a file beside it, held as long as the connection is open. The kernel releases it when
// the process dies, however it dies; the file stays and means nothing.
import Database from 'better-sqlite3'
import { databaseError } from '#shared/errors/database-catalogue.ts'

export interface DatabaseLock {
  release(): void
}

/** Throws OperatorError DatabaseInUse. */
export function lockDatabase(path: string): DatabaseLock {
  const lock = new Database(`${path}.lock`, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    const code = (cause as { code?: string }).code
    if (code !== 'SQLITE_BUSY' && code !== 'SQLITE_LOCKED')
      throw databaseError('DatabaseLockFailed', `the lock ${path}.lock cannot be taken: ${(cause as Error).message}`, cause)
    throw databaseError('DatabaseInUse', `another process uses ${path}`, cause)
  }
  return { release: () => lock.close() }
}
