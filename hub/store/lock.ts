// One hub per database: an exclusive SQLite lock on a file beside it, held as long as the connection is open. The kernel releases it when
// the process dies, however it dies; the file stays and means nothing.
import Database from 'better-sqlite3'
import { OperatorError } from '#shared/errors/api-error.ts'

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
      throw new OperatorError(
        'DatabaseLockFailed',
        `the lock ${path}.lock cannot be taken: ${(cause as Error).message}`,
        'Check that the data directory is writable and the disk is not full; the lock file holds nothing and may be removed while no hub runs.',
        cause,
      )
    throw new OperatorError(
      'DatabaseInUse',
      `another process uses ${path}`,
      'Stop the other hub first, or start this one with its own data directory (--data DIR).',
      cause,
    )
  }
  return { release: () => lock.close() }
}
