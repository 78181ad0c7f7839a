// F-01 and F-02 at the points that work does not pass: enrolment on both sides, a backup under load, the first migration.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { freePort } from '#test/helpers/ports.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { startTestHub } from '#test/helpers/hub.ts'
import { kindPath } from './client.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { askToEnroll, giveToken, identityOf, natsOf, sayHello } from './wire.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 1 })
})
test.after.always(() => fleet?.close())

const usesOf = async (name: string) => (await fleet.client().ask('GET', `${kindPath}/jointokens/${name}`)).json<JoinToken>().status?.used
const machinesOf = async (name: string) => {
  const { items } = (await fleet.client().ask('GET', `${kindPath}/machines`)).json<{ items: Machine[] }>()
  return items.filter(({ status }) => status?.enrollment?.joinToken === name).length
}

test.serial('F-01: the hub is killed at hub.enroll.after-commit; the same request again is the same machine and one use', async (t) => {
  const token = await giveToken(fleet)
  await fleet.hub.kill()
  await fleet.startHub({ MOORLINE_FAILPOINTS: 'hub.enroll.after-commit' })
  const asked = await askToEnroll(fleet, token)
  t.is(asked.answer, undefined)
  t.is((await fleet.hub.program().exited).signal, 'SIGKILL')
  await fleet.startHub()
  t.is(await machinesOf(token.name), 1)
  const identity = identityOf(await askToEnroll(fleet, token, { keys: asked.keys }))
  t.is(await machinesOf(token.name), 1)
  t.is(await usesOf(token.name), 1)
  const nats = await natsOf(fleet, identity)
  t.true((await sayHello(nats, identity)).accepted)
  await nats.close()
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
})

for (const point of ['agent.enroll.key-written', 'agent.enroll.answered'])
  test.serial(`F-02: an agent is killed at ${point}; enrolled again it is one machine and one use`, async (t) => {
    const token = await giveToken(fleet)
    const stateDir = join(fleet.directory, `agent-${point === 'agent.enroll.answered' ? 5 : 6}`)
    const enroll = async (failpoints: string) => {
      const pins = token.pins.flatMap((pin) => ['--pin', pin])
      const args = ['agent/main.ts', 'enroll', '--hub', fleet.hub.listen, '--token-stdin', '--state-dir', stateDir, ...pins]
      const env = { ...process.env, MOORLINE_FAILPOINTS: failpoints }
      const program = await startProgram({ teardown: (run) => t.teardown(run) }, process.execPath, args, {
        cwd: inRepository(),
        env,
        stdin: 'pipe',
      })
      fleet.programs.push(program)
      program.child.stdin?.end(`${token.token}\n`)
      return program.exited
    }
    t.is((await enroll(point)).signal, 'SIGKILL')
    t.is((await enroll('')).code, 0)
    t.is(await machinesOf(token.name), 1)
    t.is(await usesOf(token.name), 1)
    t.deepEqual(await checkFleet(fleet), [])
  })

test.serial('F-01: a backup is killed at hub.backup under load; no half copy has the name, and the hub has not noticed', async (t) => {
  const to = join(fleet.directory, 'hub.backup')
  const backup = async (failpoints: string) => {
    const args = ['hub/main.ts', 'backup', '--data', fleet.dataDir, '--to', to]
    const env = { ...process.env, MOORLINE_FAILPOINTS: failpoints }
    const program = await startProgram({ teardown: (run) => t.teardown(run) }, process.execPath, args, { cwd: inRepository(), env })
    fleet.programs.push(program)
    await fleet.work(() => !program.isRunning())
    return program.exited
  }
  t.is((await backup('hub.backup')).signal, 'SIGKILL')
  t.false(existsSync(to))
  t.is((await backup('')).code, 0)
  t.true(existsSync(to))
  t.deepEqual(await checkFleet(fleet), [])
})

test.serial('F-01: a hub is killed in its first migration; the next start begins anew', async (t) => {
  const dataDir = join(fleet.directory, 'second-hub')
  const args = ['hub/main.ts', '--listen', `127.0.0.1:${await freePort()}`, '--data', dataDir]
  const env = { ...process.env, MOORLINE_FAILPOINTS: 'hub.migration' }
  const owner = { teardown: (run: () => Promise<void>) => t.teardown(run) }
  const killed = await startProgram(owner, process.execPath, args, { cwd: inRepository(), env })
  t.is((await killed.exited).signal, 'SIGKILL')
  t.false(existsSync(join(dataDir, 'hub.db')))
  const hub = await startTestHub(owner, { dataDir })
  t.is((await hub.api.probe('/readyz')).status, 200)
  await hub.stop()
})
