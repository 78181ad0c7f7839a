// F-23: a renewal killed between any two of its steps, with the real hub: never locked out, nothing deleted before its successor works.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Notice } from '#proto/moorline/v1/control.ts'
import { toAgent } from '#shared/contract/subjects.ts'
import type { Program } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { tapNats } from './wire.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 1 })
})
test.after.always(() => fleet?.close())

const agent = () => fleet.agents[0] as FleetAgent
const serialNow = async () => (await fleet.machine(agent())).status?.certificate?.serial
const generations = async () => (await readdir(join(agent().stateDir, 'identity'))).filter((name) => name.startsWith('identity-'))
const saysUp = (program: Program) =>
  until('the link to be up', () => (program.stdout() + program.stderr()).includes('link: up'), { timeoutMs: 30_000 })

/** Asks the agent to renew, as the hub does. */
async function askToRenew(): Promise<void> {
  const tap = await tapNats(fleet)
  tap.publish(toAgent.notice(agent().machine.status?.agentId ?? ''), Notice.encode({ kind: 'RenewIdentity' } as Notice).finish())
  await tap.drain()
}

/** A whole renewal by the agent that runs now. */
async function renewed(before: string | undefined): Promise<void> {
  await askToRenew()
  await until('another certificate', async () => (await serialNow()) !== before, { timeoutMs: 30_000 })
  await until('the old generation to go', async () => (await generations()).length === 1, { timeoutMs: 30_000 })
  await until('the old certificate to end', async () => !(await fleet.machine(agent())).status?.certificate?.previousSerial)
}

for (const [point, times] of [
  ['agent.renew.key-written', 1],
  ['agent.renew.answered', 3],
  ['agent.renew.staged', 1],
  ['agent.renew.activated', 1],
] as const)
  test.serial(`F-23: a renewal killed at ${point}${times > 1 ? ` ${times} times` : ''} never locks the machine out`, async (t) => {
    for (let time = 0; time < times; time++) {
      await agent().agent.kill()
      await agent().start(point)
      const killed = agent().agent.program()
      await saysUp(killed)
      await askToRenew()
      await until('the agent to be killed', () => !killed.isRunning(), { timeoutMs: 30_000 })
      t.is((await killed.exited).signal, 'SIGKILL')
    }
    await agent().start()
    await saysUp(agent().agent.program())
    await fleet.work()
    t.deepEqual(await checkFleet(fleet), [])
    // And it still can.
    await renewed(await serialNow())
    t.deepEqual(await checkFleet(fleet), [])
  })

test.serial('F-23: the hub is killed while it is asked to renew; the agent asks again and has one identity', async (t) => {
  await agent().agent.stop()
  await agent().start()
  await saysUp(agent().agent.program())
  const before = await serialNow()
  await askToRenew()
  // The new keys are on disk, so the call is under way or about to be.
  await until('the keys of the next generation', async () => (await generations()).length === 2, { timeoutMs: 30_000, intervalMs: 1 })
  await fleet.hub.kill()
  await fleet.startHub()
  await until('another certificate, in use', async () => (await serialNow()) !== before && (await generations()).length === 1, {
    timeoutMs: 60_000,
  })
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
})
