// Opens the file, and refuses to when it is not ours, damaged, or written by a newer version. Nothing is ever deleted or repaired
// here by itself: what to do with damaged data is the operator's decision.
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { OperatorError } from '#shared/errors/api-error.ts'
import { databaseError } from '#shared/errors/database-catalogue.ts'
import { migrate, newestSchema, schemaVersion } from './migrate.ts'

/** "Moor": marks the file as ours in SQLite's header. */
export const applicationId = 0x4d6f6f72

/** Suffix of the copy that a restore is about to put in place. */
export const restoringSuffix = '.restoring'

export function corrupt(path: string, what: string, cause?: unknown): OperatorError {
  return databaseError('DatabaseCorrupt', `${path} is damaged: ${what}`, cause)
}

/** Opens or creates the database, with everything checked. Throws OperatorError. The caller holds the lock. */
export function openDatabase(path: string): Database.Database {
  if (!existsSync(path)) createDatabase(path)
  const db = openChecked(path)
  try {
    configure(db, path)
    migrate(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Opens an existing file after its header, structure, owner and schema number have been checked. */
export function openChecked(path: string, options: Database.Options = {}): Database.Database {
  checkHeader(path)
  let db: Database.Database
  try {
    db = new Database(path, { fileMustExist: true, timeout: 5_000, ...options })
  } catch (cause) {
    throw corrupt(path, (cause as Error).message, cause)
  }
  try {
    checkContent(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function checkHeader(path: string): void {
  const magic = Buffer.alloc(16)
  const file = openSync(path, 'r')
  try {
    if (statSync(path).size === 0) throw corrupt(path, 'it is empty')
    readSync(file, magic, 0, 16, 0)
  } finally {
    closeSync(file)
  }
  if (magic.toString('latin1') !== 'SQLite format 3\0') throw corrupt(path, 'it is not a SQLite database')
}

function checkContent(db: Database.Database, path: string): void {
  let findings: { quick_check: string }[]
  let application: number
  try {
    findings = db.pragma('quick_check(3)') as { quick_check: string }[]
    application = db.pragma('application_id', { simple: true }) as number
  } catch (cause) {
    throw corrupt(path, (cause as Error).message, cause)
  }
  if (findings[0]?.quick_check !== 'ok') throw corrupt(path, findings.map((finding) => finding.quick_check).join('; '))
  const schema = schemaVersion(db)
  if (application !== applicationId || schema === 0)
    throw databaseError('DatabaseForeign', `${path} is a SQLite database, but not one of this program`)
  if (schema > newestSchema())
    throw databaseError('DatabaseNewer', `${path} has schema ${schema}, this version knows schemas up to ${newestSchema()}`)
}

/** SQLite's own default for WAL in this build is NORMAL, which may lose acknowledged commits at a power loss: it is set and read back. */
function configure(db: Database.Database, path: string): void {
  const mode = db.pragma('journal_mode = WAL', { simple: true }) as string
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  db.pragma('trusted_schema = OFF')
  db.pragma('cell_size_check = ON')
  db.pragma('journal_size_limit = 67108864')
  db.pragma('cache_size = -32768')
  const synchronous = db.pragma('synchronous', { simple: true }) as number
  if (mode !== 'wal' || synchronous !== 2)
    throw databaseError(
      'DatabaseNotDurable',
      `${path} cannot be opened durably (journal ${mode}, synchronous ${synchronous}; needed: wal, 2)`,
    )
}

/** Made whole under another name, then renamed: an empty or half-made file of the final name is therefore always damage. */
function createDatabase(path: string): void {
  if (existsSync(path + restoringSuffix))
    throw databaseError('RestoreUnfinished', `a restore of ${path} was interrupted before the new file was in place`)
  if (existsSync(`${path}-wal`)) throw databaseError('DatabaseMissing', `${path} is missing but its journal ${path}-wal is there`)
  const draft = `${path}.new`
  // Left over by a first start that was interrupted: nothing was ever acknowledged from it.
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
  const db = new Database(draft)
  try {
    db.pragma(`application_id = ${applicationId}`)
    migrate(db)
  } finally {
    db.close()
  }
  syncFile(draft)
  renameSync(draft, path)
  syncFile(dirname(path))
}

/** fsync of a file or a directory. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
