// The checker itself: each invariant is broken by hand, and named.
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test from 'ava'
import type { TaskStateName } from '#shared/contract/task.ts'
import { openStore } from '#hub/store/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { kindPath } from './client.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import type { Sighting } from './history.ts'
import { brokenInvariants, checkFleet, movesBack } from './invariants.ts'
import { knownSecrets } from './secrets.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 2 })
  await fleet.work()
})
test.after.always(() => fleet?.close())

const agent = () => fleet.agents[0] as FleetAgent

test.serial('a fleet that nothing happened to is well, and the checker has looked at something', async (t) => {
  t.deepEqual(await checkFleet(fleet), [])
  t.true(fleet.history.given.size >= 4 && fleet.history.sightings.length >= 8 && fleet.history.lists() >= 1)
  t.true((await knownSecrets(fleet)) >= 12)
  t.true(fleet.proxy.tunnels() > 0)
})

test.serial('I1: a task that was acknowledged and is gone', async (t) => {
  const [given] = fleet.history.given.values()
  if (!given) return void t.fail()
  t.is((await fleet.client().ask('DELETE', `${kindPath}/tasks/${given.name}`)).status, 200)
  t.true((await brokenInvariants(fleet)).some((sentence) => sentence.startsWith(`I1: task ${given.name}`)))
  fleet.history.given.delete(given.name)
  fleet.history.missing.length = 0
})

test.serial('I2 and I5: a program that ran twice, or on another machine', async (t) => {
  const given =
    [...fleet.history.given.values()].find((task) => task.action === 'exec' && task.path === agent().counter) ?? (await fleet.work())[0]
  await checkFleet(fleet)
  await appendFile(agent().counter, `${given?.uid}.1 ${agent().who}\n`)
  t.true((await brokenInvariants(fleet)).some((sentence) => /^I2: .* ran 2 times/.test(sentence)))
  await appendFile(agent().counter, `${given?.uid}.1 clone\n`)
  t.true((await brokenInvariants(fleet)).some((sentence) => sentence.startsWith('I5: clone ran')))
})

test('I3: a state that goes back, an end that changes, a version that falls', (t) => {
  const seen = (...states: [TaskStateName, number, number][]): Sighting[] =>
    states.map(([state, attempt, resourceVersion]) => ({ how: 'watch', uid: 'u', name: 'n', state, attempt, resourceVersion }))
  const none = new Map()
  t.deepEqual(movesBack(seen(['Pending', 1, 1], ['Running', 1, 2], ['Succeeded', 1, 3], ['Pending', 2, 4], ['Failed', 2, 5]), none), [])
  for (const wrong of [
    seen(['Running', 1, 1], ['Delivered', 1, 2]),
    seen(['Succeeded', 1, 1], ['Failed', 1, 2]),
    seen(['Succeeded', 1, 1], ['Running', 1, 2]),
    seen(['Running', 2, 1], ['Running', 1, 2]),
    seen(['Pending', 1, 2], ['Running', 1, 1]),
  ])
    t.is(movesBack(wrong, none).length, 1, JSON.stringify(wrong))
})

test.serial('I7: a secret in a log file, a list, an argument, and a key that others can read', async (t) => {
  const path = join(fleet.dataDir, 'forgotten.log')
  await writeFile(path, `token=${fleet.client().token}`)
  t.true((await brokenInvariants(fleet)).includes('I7: hub/forgotten.log holds the admin token'))
  await rm(path)
  const body = {
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'leak', annotations: { note: fleet.proxy.password } },
    spec: { type: 'Registered' },
  }
  await fleet.client().ask('POST', `${kindPath}/clusters`, { body })
  const found = await brokenInvariants(fleet)
  t.true(found.includes('I7: the list of clusters holds the proxy password'))
  t.true(found.some((sentence) => /^I7: hub\/hub\.db(-wal)? holds the proxy password/.test(sentence)))
})

test.serial('I4: a changed row of the audit log, by the API and by the store', async (t) => {
  await fleet.hub.stop()
  const path = join(fleet.dataDir, 'hub.db')
  const open = async () => {
    const store = await openStore({ path, log: silentLog, clock: systemClock })
    const verdict = await store.verifyAudit()
    await store.close()
    return verdict
  }
  t.true((await open()).ok)
  const database = new DatabaseSync(path)
  const [table] = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'audit%'").all() as { name: string }[]
  database.exec(`UPDATE ${table?.name} SET user = 'nobody' WHERE id = 3`)
  database.close()
  t.like(await open(), { ok: false, firstBadId: 3 })
  await fleet.startHub()
  t.true((await brokenInvariants(fleet)).includes('I4: the audit chain breaks at row 3'))
})
