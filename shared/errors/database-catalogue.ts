// Every reason for which the hub refuses to open, back up or restore its database. docs/errors.md is generated from it, like from catalogue.ts.
import { OperatorError } from './api-error.ts'

export interface DatabaseErrorEntry {
  isRetryable: boolean
  summary: string
  /** What to do next. */
  next: string
}

export const databaseErrorCatalogue = {
  DatabaseInUse: {
    isRetryable: true,
    summary: 'Another process has the database open.',
    next: 'Stop the other hub first, or start this one with its own data directory (--data DIR).',
  },
  DatabaseLockFailed: {
    isRetryable: true,
    summary: 'The lock file beside the database cannot be taken.',
    next: 'Check that the data directory is writable and its disk is not full; the lock file holds nothing and may be removed while no hub runs.',
  },
  DatabaseCorrupt: {
    isRetryable: false,
    summary: 'The file is no database, is cut short, or a part of it does not match its checksum.',
    next: 'Keep the file for analysis and restore a backup while the hub is stopped: npm run hub -- restore --from FILE (the damaged file is kept aside).',
  },
  DatabaseForeign: {
    isRetryable: false,
    summary: 'The file is a database of another program.',
    next: 'Point --data at the right directory, or move that file away.',
  },
  DatabaseNewer: {
    isRetryable: false,
    summary: 'A newer version has written the database.',
    next: 'Start the newer version again, or restore a backup that this version wrote: npm run hub -- restore --from FILE.',
  },
  DatabaseNotDurable: {
    isRetryable: false,
    summary: 'The file system does not allow what durable writes need.',
    next: 'Put the data directory on a local file system that supports shared memory maps; network file systems do not.',
  },
  DatabaseMissing: {
    isRetryable: false,
    summary: 'The database is missing where it is expected.',
    next: 'Put the file back, name the right directory with --data DIR, or restore a backup: npm run hub -- restore --from FILE.',
  },
  DatabaseFailed: {
    isRetryable: true,
    summary: 'The database cannot be opened.',
    next: 'Check the permissions of the data directory and the free space on its disk, then start again.',
  },
  RestoreUnfinished: {
    isRetryable: false,
    summary: 'A restore was interrupted before the new file was in place.',
    next: 'Run the restore again: npm run hub -- restore --from FILE. The old file is beside it, with "replaced" in its name.',
  },
  BackupMissing: {
    isRetryable: false,
    summary: 'The backup does not exist.',
    next: 'Name a file that the backup command wrote.',
  },
} as const satisfies Record<string, DatabaseErrorEntry>

export type DatabaseErrorCode = keyof typeof databaseErrorCatalogue

/** An OperatorError whose next step comes from the catalogue. */
export function databaseError(code: DatabaseErrorCode, message: string, cause?: unknown): OperatorError {
  return new OperatorError(code, message, databaseErrorCatalogue[code].next, cause)
}
