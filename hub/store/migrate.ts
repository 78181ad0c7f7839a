// Numbered plain SQL, applied in order, each in its own transaction together with the number that says it is done.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { failpoint } from '#shared/flow/failpoint.ts'

const directory = join(import.meta.dirname, 'migrations')

export interface Migration {
  number: number
  file: string
  sql: string
}

/** In order; throws when a number is missing or double, because that can only be a mistake of ours. */
export function readMigrations(from = directory): Migration[] {
  const migrations = readdirSync(from)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ number: Number.parseInt(file, 10), file, sql: readFileSync(join(from, file), 'utf8') }))
  for (const [index, { number, file }] of migrations.entries())
    if (number !== index + 1) throw new Error(`migration ${file} should have number ${index + 1}`)
  return migrations
}

export function newestSchema(): number {
  return readMigrations().length
}

export function migrate(db: Database, migrations = readMigrations()): void {
  const done = schemaVersion(db)
  for (const { number, sql } of migrations.slice(done)) {
    db.exec('BEGIN IMMEDIATE')
    try {
      db.exec(sql)
      db.pragma(`user_version = ${number}`)
      failpoint('hub.migration')
      db.exec('COMMIT')
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
}

export function schemaVersion(db: Database): number {
  return db.pragma('user_version', { simple: true }) as number
}
