// Copies of the database: made while the hub runs, checked before they get their name; put back only while it does not.
import { chmodSync, copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type Database from 'better-sqlite3'
import type { Clock } from '#shared/clock/clock.ts'
import { databaseError } from '#shared/errors/database-catalogue.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import { openChecked, restoringSuffix, syncFile } from './database.ts'
import { lockDatabase } from './lock.ts'

const pagesPerStep = 512
/** The data directory is closed to others; a copy may be put anywhere. */
const privateMode = 0o600

/** Copies an open database to `toPath`, which appears only when the copy is complete, checked and on disk. */
export async function backupOpenDatabase(db: Database.Database, toPath: string, onProgress?: (fraction: number) => void): Promise<void> {
  const draft = `${toPath}.partial`
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
  writeFileSync(draft, '', { mode: privateMode, flag: 'wx' })
  await db.backup(draft, {
    progress({ totalPages, remainingPages }) {
      onProgress?.(totalPages === 0 ? 1 : (totalPages - remainingPages) / totalPages)
      return pagesPerStep
    },
  })
  const copy = openChecked(draft)
  try {
    // One file that needs nothing beside it.
    copy.pragma('journal_mode = DELETE')
  } finally {
    copy.close()
  }
  syncFile(draft)
  failpoint('hub.backup')
  renameSync(draft, toPath)
  syncFile(dirname(toPath))
}

/**
 * The same from a second process, while a hub may be running. Never from the hub's own: closing a file drops every POSIX lock that the process
 * has on it. Throws OperatorError.
 */
export async function backupDatabase({
  from,
  to,
  onProgress,
}: {
  from: string
  to: string
  onProgress?: (fraction: number) => void
}): Promise<void> {
  if (!existsSync(from)) throw databaseError('DatabaseMissing', `${from} does not exist`)
  const db = openChecked(from)
  try {
    await backupOpenDatabase(db, to, onProgress)
  } finally {
    db.close()
  }
}

/** How far a restore moves the resourceVersion on: further than the lost history can have gone, so no client meets a number twice. */
export const restoreVersionStep = 1_000_000_000

/**
 * Puts a backup in the place of the database at `to` and keeps what was there beside it. Returns the path of the old file.
 * Throws OperatorError when the backup is not usable or a hub has the database open.
 */
export function restoreBackup({ from, to, clock }: { from: string; to: string; clock: Clock }): { replaced?: string } {
  if (!existsSync(from)) throw databaseError('BackupMissing', `${from} does not exist`)
  const lock = lockDatabase(to)
  try {
    const draft = to + restoringSuffix
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
    openChecked(from, { readonly: true }).close()
    copyFileSync(from, draft)
    chmodSync(draft, privateMode)
    markRestored(draft)
    syncFile(draft)
    const aside = `${to}.replaced-${clock.now().toISOString().replaceAll(/[:.]/g, '-')}`
    let replaced: string | undefined
    // The journal first: it must never lie beside a database that it does not belong to.
    for (const suffix of ['-wal', '-shm', '']) {
      if (!existsSync(to + suffix)) continue
      renameSync(to + suffix, aside + suffix)
      replaced = aside
    }
    renameSync(draft, to)
    syncFile(dirname(to))
    return replaced ? { replaced } : {}
  } finally {
    lock.release()
  }
}

/** Watchers must list again, and agents whose newer events are gone may go on from where they are. */
function markRestored(path: string): void {
  const db: Database.Database = openChecked(path)
  try {
    db.pragma('journal_mode = DELETE')
    db.exec(
      `BEGIN IMMEDIATE;
       UPDATE counters SET value = value + ${restoreVersionStep} WHERE name = 'resource_version';
       UPDATE counters SET value = (SELECT value FROM counters WHERE name = 'resource_version') WHERE name = 'compacted_version';
       DELETE FROM changes;
       UPDATE agents SET accepts_gap = 1;
       COMMIT;`,
    )
  } finally {
    db.close()
  }
}
