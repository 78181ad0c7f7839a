// Opens the SQLite file of the journal: pragmas that make a commit a promise, migrations, and the checks that tell a damaged file.
import { DatabaseSync } from 'node:sqlite'
import { OperatorError } from '#shared/errors/api-error.ts'
import { damaged, openFailure } from './errors.ts'

/** One entry per version; what is released is never changed, only added to. */
const migrations = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
   INSERT INTO meta VALUES ('last_sequence', 0), ('acknowledged', 0);
   CREATE TABLE orders (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     task_uid TEXT NOT NULL,
     attempt INTEGER NOT NULL,
     nonce TEXT NOT NULL,
     not_after INTEGER NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('accepted', 'running', 'finished')),
     cancel_requested INTEGER NOT NULL,
     mark TEXT NOT NULL,
     payload BLOB NOT NULL,
     checksum INTEGER NOT NULL,
     UNIQUE (task_uid, attempt)
   ) STRICT;
   CREATE INDEX orders_nonce ON orders (nonce);
   CREATE INDEX orders_unfinished ON orders (id) WHERE state <> 'finished';
   CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     sequence INTEGER UNIQUE,
     task_uid TEXT NOT NULL,
     attempt INTEGER NOT NULL,
     kind TEXT NOT NULL,
     payload BLOB NOT NULL,
     checksum INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX events_droppable ON events (id) WHERE sequence IS NULL AND kind IN ('output', 'progress');
   CREATE INDEX events_gaps ON events (task_uid, attempt) WHERE sequence IS NULL AND kind = 'gap';`,
]

function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}

export function transaction<T>(database: DatabaseSync, run: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = run()
    database.exec('COMMIT')
    return value
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(pragma(database, 'user_version'))
  if (version > migrations.length)
    throw new OperatorError(
      'JournalTooNew',
      `the journal ${path} was written by a newer agent (version ${version}, this one knows ${migrations.length})`,
      'Start the agent version that wrote it, or a newer one.',
    )
  for (let next = version; next < migrations.length; next++)
    transaction(database, () => {
      database.exec(migrations[next] as string)
      database.exec(`PRAGMA user_version = ${next + 1}`)
    })
}

/** Throws {@link OperatorError}: JournalDamaged, JournalTooNew, JournalInUse, JournalUnwritable. Never deletes anything. */
export function openDatabase(path: string, maxFileBytes: number): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // One writer for good: a second agent on the same state directory is told so at once.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    database.exec('PRAGMA trusted_schema = OFF')
    // KiB; what waits is read in order and seldom.
    database.exec('PRAGMA cache_size = -256')
    if (pragma(database, 'journal_mode') !== 'wal' || Number(pragma(database, 'synchronous')) !== 2)
      throw new Error(`SQLite does not offer WAL with synchronous=FULL for ${path}`)
    database.exec(`PRAGMA max_page_count = ${Math.ceil(maxFileBytes / Number(pragma(database, 'page_size')))}`)
    database.exec(`PRAGMA journal_size_limit = ${4 * 1024 * 1024}`)
    const verdict = pragma(database, 'integrity_check')
    if (verdict !== 'ok') throw damaged(path, String(verdict))
    migrate(database, path)
    return database
  } catch (error) {
    if (database?.isOpen) database.close()
    throw openFailure(path, error)
  }
}
