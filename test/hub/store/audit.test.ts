import test from 'ava'
import Database from 'better-sqlite3'
import type { AuditEntry } from '#hub/store/types.ts'
import { testStore } from './support.ts'

const entry = (name: string): AuditEntry => ({
  at: '2030-01-02T03:04:05.000Z',
  user: 'alice',
  verb: 'delete',
  resource: 'machines',
  name,
  decision: 'allow',
  result: '200',
  remoteAddress: '10.0.0.1',
})

async function tampered(t: Parameters<typeof testStore>[0], sql: string) {
  const { store, path, reopen } = await testStore(t)
  await Promise.all(Array.from({ length: 30 }, (_, i) => store.appendAudit({ ...entry(`m${i}`), ...(i % 2 && { detail: 'x' }) })))
  t.deepEqual(await store.verifyAudit(), { ok: true, rows: 30 })
  await store.close()
  const db = new Database(path)
  db.exec(sql)
  db.close()
  return (await reopen()).verifyAudit()
}

test('rows are chained and can be followed by id', async (t) => {
  const { store } = await testStore(t)
  let told = 0
  store.onAudit(() => told++)
  const first = await store.appendAudit(entry('a'))
  const second = await store.appendAudit({ ...entry('b'), detail: 'more' })
  t.is(second.previousHash, first.hash)
  t.deepEqual(await store.audit(0, 10), [first, second])
  t.deepEqual(await store.audit(1, 10), [second])
  t.is(told, 2)
})

test('the chain goes on after a restart', async (t) => {
  const { store, reopen } = await testStore(t)
  const first = await store.appendAudit(entry('a'))
  const again = await reopen()
  t.is((await again.appendAudit(entry('b'))).previousHash, first.hash)
  t.deepEqual(await again.verifyAudit(), { ok: true, rows: 2 })
})

test('the chain goes on after a refused command of the same group', async (t) => {
  const { store } = await testStore(t)
  await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) =>
      i % 3 === 0 ? store.transact([{ op: 'delete', kind: 'Machine', name: 'no' }]) : store.appendAudit(entry(`${i}`)),
    ),
  )
  t.deepEqual(await store.verifyAudit(), { ok: true, rows: 26 })
})

test('a changed row is found', async (t) => {
  t.deepEqual(await tampered(t, "UPDATE audit SET user = 'bob' WHERE id = 7"), { ok: false, rows: 0, firstBadId: 7 })
})

test('a removed row is found', async (t) => {
  t.like(await tampered(t, 'DELETE FROM audit WHERE id = 7'), { ok: false, firstBadId: 8 })
})

test('rows cut off the end are found', async (t) => {
  t.like(await tampered(t, 'DELETE FROM audit WHERE id > 20'), { ok: false, firstBadId: 21 })
})

test('a row whose hash was made anew is found', async (t) => {
  t.like(await tampered(t, "UPDATE audit SET hash = 'f' WHERE id = 30"), { ok: false, firstBadId: 30 })
})
