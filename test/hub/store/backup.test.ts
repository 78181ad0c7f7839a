import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { restoreBackup, restoreVersionStep } from '#hub/store/backup.ts'
import { openStore } from '#hub/store/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { silentLog } from '#shared/log/log.ts'
import { body, collectingLog, events, machineWithTask, object, testStore } from './support.ts'

test('a backup made while writes go on is whole and opens by itself', async (t) => {
  const { store, path } = await testStore(t)
  const to = join(dirname(path), 'copy.db')
  let isDone = false
  const writing = (async () => {
    let count = 0
    while (!isDone) await store.transact([{ op: 'create', object: object('Machine', `m${count++}`, { displayName: 'x'.repeat(1000) }) }])
    return count
  })()
  await store.transact([{ op: 'create', object: object('Cluster', 'before') }])
  const fractions: number[] = []
  await store.backup(to, (fraction) => fractions.push(fraction))
  isDone = true
  const written = await writing
  t.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.startsWith('copy')),
    ['copy.db'],
  )
  const copy = await openStore({ path: to, log: silentLog, clock: systemClock })
  t.truthy(copy.get('Cluster', 'before'))
  t.true(copy.list('Machine').items.length <= written)
  t.deepEqual(await copy.verifyAudit(), { ok: true, rows: 0 })
  await copy.close()
  t.true(fractions.length > 0)
})

test('a backup can be made by another process beside a running hub', async (t) => {
  const { store, path } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  const to = join(dirname(path), 'copy.db')
  const module = join(import.meta.dirname, '../../../hub/store/backup.ts')
  const script = `import(process.argv[1]).then(({ backupDatabase }) => backupDatabase({ from: process.argv[2], to: process.argv[3] }))`
  await promisify(execFile)(process.execPath, ['-e', script, module, path, to])
  await t.notThrowsAsync(store.transact([{ op: 'create', object: object('Machine', 'b') }]))
  const copy = await openStore({ path: to, log: silentLog, clock: systemClock })
  t.truthy(copy.get('Machine', 'a'))
  await copy.close()
})

test('a restore puts the backup in place, keeps the old file and never repeats a resourceVersion', async (t) => {
  const { store, path, reopen } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'kept') }])
  const backup = join(dirname(path), 'backup.db')
  await store.backup(backup)
  await store.transact([{ op: 'create', object: object('Machine', 'lost') }])
  t.is(t.throws(() => restoreBackup({ from: backup, to: path, clock: systemClock }), { instanceOf: OperatorError })?.code, 'DatabaseInUse')
  await store.close()
  writeFileSync(path, 'damaged beyond repair')
  const { replaced } = restoreBackup({ from: backup, to: path, clock: systemClock })
  t.is(readFileSync(replaced ?? '', 'utf8'), 'damaged beyond repair')
  const restored = await reopen()
  t.truthy(restored.get('Machine', 'kept'))
  t.is(restored.get('Machine', 'lost'), undefined)
  t.true(restored.currentResourceVersion() > restoreVersionStep)
  t.throws(() => restored.subscribe('*', 2, () => {}), { message: /too old/ })
})

test('after a restore an agent whose newer events are gone can go on, once, and it is told', async (t) => {
  const { log, warnings } = collectingLog()
  const { store, path, reopen } = await testStore(t, { log })
  const { agentId, taskUid } = await machineWithTask(store, 'a')
  await store.applyEvents(agentId, events(taskUid, 1, [body.started, body.output('x')]))
  const backup = join(dirname(path), 'backup.db')
  await store.backup(backup)
  await store.applyEvents(agentId, events(taskUid, 3, [body.output('lost')]))
  await store.close()
  restoreBackup({ from: backup, to: path, clock: systemClock })
  const restored = await reopen()
  t.deepEqual(await restored.applyEvents(agentId, events(taskUid, 4, [body.finished('Succeeded')])), { committedSequence: 4 })
  t.like(warnings[0], { fields: { agentId, lost: '3 to 3' } })
  t.is((await restored.applyEvents(agentId, events(taskUid, 9, [body.output('y')]))).refused, 'Gap')
})

test('a file that is no good backup is refused before anything is touched', async (t) => {
  const { store, path, reopen } = await testStore(t)
  await store.transact([{ op: 'create', object: object('Machine', 'a') }])
  await store.close()
  const bad = join(dirname(path), 'bad.db')
  writeFileSync(bad, readFileSync(path).subarray(0, 9000))
  for (const from of [bad, join(dirname(path), 'missing.db')])
    t.throws(() => restoreBackup({ from, to: path, clock: systemClock }), { instanceOf: OperatorError })
  t.truthy((await reopen()).get('Machine', 'a'))
})

test('a start after a restore that was cut off says so instead of beginning with nothing', async (t) => {
  const { store, path } = await testStore(t)
  await store.close()
  renameSync(path, `${path}.restoring`)
  const error = await t.throwsAsync(openStore({ path, log: silentLog, clock: systemClock }), { instanceOf: OperatorError })
  t.is(error?.code, 'RestoreUnfinished')
  t.false(existsSync(path))
})

test('a backup that cannot be written leaves nothing behind under its name', async (t) => {
  const { store, path } = await testStore(t)
  const to = join(dirname(path), 'no-such-directory', 'copy.db')
  await t.throwsAsync(store.backup(to))
  t.false(existsSync(to))
  await t.notThrowsAsync(store.transact([{ op: 'create', object: object('Machine', 'a') }]))
})
