import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import Database from 'better-sqlite3'
import { openDatabase } from '#hub/store/database.ts'
import { newestSchema } from '#hub/store/migrate.ts'
import { openStore } from '#hub/store/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { object, testStore } from './support.ts'

async function refused(t: ExecutionContext, path: string): Promise<OperatorError> {
  const before = existsSync(path) ? readFileSync(path) : undefined
  const error = await t.throwsAsync(openStore({ path, log: silentLog, clock: systemClock }), { instanceOf: OperatorError })
  if (before) t.deepEqual(readFileSync(path), before, 'the file is left as it was')
  t.true((error?.next.length ?? 0) > 20)
  return error as OperatorError
}

async function closedStore(t: ExecutionContext): Promise<string> {
  const { store, path } = await testStore(t)
  await store.transact(
    Array.from({ length: 200 }, (_, i) => ({ op: 'create', object: object('Machine', `m${i}`, { displayName: 'x'.repeat(100) }) })),
  )
  await store.putSetting('key', 'a value to be damaged')
  await store.close()
  return path
}

test('the connection is durable: WAL and synchronous=FULL are read back', async (t) => {
  const db = openDatabase(join(await tempDir(t), 'hub.db'))
  t.teardown(() => db.close())
  t.is(db.pragma('synchronous', { simple: true }), 2)
  t.is(db.pragma('journal_mode', { simple: true }), 'wal')
  t.is(db.pragma('user_version', { simple: true }), newestSchema())
})

test('every table is STRICT', async (t) => {
  const db = openDatabase(join(await tempDir(t), 'hub.db'))
  t.teardown(() => db.close())
  const tables = db.pragma('table_list') as { name: string; schema: string; type: string; strict: number }[]
  const own = tables.filter(({ schema, type, name }) => schema === 'main' && type === 'table' && !name.startsWith('sqlite_'))
  t.true(own.length >= 9)
  t.deepEqual(
    own.filter(({ strict }) => !strict),
    [],
  )
})

test('a clean stop leaves one file and no journal', async (t) => {
  const path = await closedStore(t)
  t.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.startsWith('hub.db') && !name.endsWith('.lock')),
    ['hub.db'],
  )
})

test('two hubs cannot have the same data, in one process or in two', async (t) => {
  const { path, store } = await testStore(t)
  t.is((await refused(t, path)).code, 'DatabaseInUse')
  const script = `import('${join(import.meta.dirname, '../../../hub/store/open.ts')}').then(({ openStore }) => openStore({ path: '${path}' })).catch((error) => console.log(error.code))`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  t.is(stdout.trim(), 'DatabaseInUse')
  await store.close()
  const second = await openStore({ path, log: silentLog, clock: systemClock })
  await second.close()
})

test('a file that is no database is refused and left alone', async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  writeFileSync(path, 'not a database at all'.repeat(1000))
  const error = await refused(t, path)
  t.is(error.code, 'DatabaseCorrupt')
  t.regex(error.next, /npm run hub -- restore --from FILE/)
})

test('an empty file is damage, not a new database', async (t) => {
  const path = await closedStore(t)
  truncateSync(path, 0)
  t.is((await refused(t, path)).code, 'DatabaseCorrupt')
})

test('a database cut short is refused', async (t) => {
  const path = await closedStore(t)
  truncateSync(path, Math.floor(statSync(path).size / 2))
  t.is((await refused(t, path)).code, 'DatabaseCorrupt')
})

test("another program's database is refused", async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  const db = new Database(path)
  db.exec('CREATE TABLE theirs (x)')
  db.close()
  t.is((await refused(t, path)).code, 'DatabaseForeign')
})

test('a database of a newer version is refused', async (t) => {
  const path = await closedStore(t)
  const db = new Database(path)
  db.pragma(`user_version = ${newestSchema() + 1}`)
  db.close()
  const error = await refused(t, path)
  t.is(error.code, 'DatabaseNewer')
  t.regex(error.next, /restore/)
})

test('a journal without its database is not taken for a first start', async (t) => {
  const path = join(await tempDir(t), 'hub.db')
  writeFileSync(`${path}-wal`, 'something')
  t.is((await refused(t, path)).code, 'DatabaseMissing')
})

test('a bit that flips anywhere is found, or changes nothing that is read', async (t) => {
  const path = await closedStore(t)
  const whole = readFileSync(path)
  const readAll = async () => {
    const store = await openStore({ path, log: silentLog, clock: systemClock })
    try {
      const items = store.list('Machine').items.map((item) => store.json(item))
      return JSON.stringify([items, store.currentResourceVersion(), await store.getSetting('key'), await store.committedSequence('a')])
    } finally {
      await store.close()
    }
  }
  const expected = await readAll()
  let found = 0
  // Spread over the file, at a different bit each time.
  for (let i = 0; i < 40; i++) {
    const damaged = Buffer.from(whole)
    const at = Math.floor(((i + 0.37) * whole.length) / 40)
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (i % 8))
    writeFileSync(path, damaged)
    try {
      t.is(await readAll(), expected, `byte ${at}`)
    } catch {
      // OperatorError at the start, or StorageError when the damaged setting is read.
      found++
    }
  }
  t.true(found > 5, `${found} of 40 were found, the others did not matter`)
})
