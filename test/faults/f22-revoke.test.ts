// F-22: a revoked or deleted machine is cut at once and for good; whoever enrols under its name is somebody else.
import { hostname } from 'node:os'
import test, { type ExecutionContext } from 'ava'
import { status } from '@grpc/grpc-js'
import type { NatsConnection } from 'nats'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { emptyMetadata, type ServiceError } from '#agent/link/grpc.ts'
import type { Identity } from '#agent/link/types.ts'
import { IdentityServiceClient } from '#proto/moorline/v1/procedures.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { startTestAgent } from '#test/helpers/agent.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import { conditionOf, type Fleet, startFleet } from './fleet.ts'
import { auditRows, checkFleet } from './invariants.ts'
import { askToEnroll, enrolled, giveToken, identityOf, natsOf, proceduresOf, sayHello, sendEvents, startAddressRelay } from './wire.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 2 })
})
test.after.always(() => fleet?.close())

const limitMs = 5_000
const merge = { 'content-type': 'application/merge-patch+json' }
const revoke = (name: string) =>
  fleet.client().ask('PATCH', `${kindPath}/machines/${name}`, { headers: merge, body: { spec: { revoked: true } } })
const machineOf = async (name: string) => (await fleet.client().ask('GET', `${kindPath}/machines/${name}`)).json<Machine>()
const taskFor = async (machine: string, name: string): Promise<Task> => {
  const spec = { machine, action: 'exec', input: { command: ['true'] } }
  const body = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Task', metadata: { name }, spec }
  return (await fleet.client().ask('POST', `${kindPath}/tasks`, { body })).json<Task>()
}
const taskNow = async (name: string) => (await fleet.client().ask('GET', `${kindPath}/tasks/${name}`)).json<Task>()

/** Renew with the identity, over a new connection or an old one: the gRPC status. */
function caller(t: ExecutionContext, identity: Identity): () => Promise<number> {
  const procedures = proceduresOf({ teardown: (run) => t.teardown(run) }, fleet, identity)
  return () =>
    new Promise((resolve) => {
      const { csr, natsPublicKey } = publicHalf(createKeys())
      const done = (error: ServiceError | null) => resolve(error?.code ?? 0)
      procedures
        .client(IdentityServiceClient)
        .renew({ csr, natsPublicKey, machineFingerprint: '' }, emptyMetadata(), { deadline: Date.now() + 15_000 }, done)
    })
}

async function isCutWithin(t: ExecutionContext, nats: NatsConnection, act: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now()
  const closed = nats.closed()
  await act()
  await closed
  const tookMs = performance.now() - startedMs
  t.log(`cut after ${Math.round(tookMs)} ms`)
  t.true(tookMs <= limitMs, `cut after ${tookMs} ms`)
}

/** Nothing opens for it any more: not NATS, not a call, also with the first connection still open. */
async function isOut(t: ExecutionContext, identity: Identity, call: () => Promise<number>): Promise<void> {
  await t.throwsAsync(natsOf(fleet, identity))
  for (const again of [call, caller(t, identity)])
    t.true([status.PERMISSION_DENIED, status.UNAVAILABLE, status.UNAUTHENTICATED].includes(await again()))
}

test.serial(
  'F-22: revoking cuts NATS and refuses the next call within 5 s, and a restart of the hub changes nothing about it',
  async (t) => {
    const identity = await enrolled(fleet)
    const nats = await natsOf(fleet, identity)
    t.true((await sayHello(nats, identity)).accepted)
    const call = caller(t, identity)
    t.is(await call(), 0)
    const waiting = await taskFor(identity.machineName, 'never-answered')
    await isCutWithin(t, nats, () => revoke(identity.machineName))
    await isOut(t, identity, call)
    t.like(
      conditionOf(
        await until('the revocation to be shown', async () => {
          const machine = await machineOf(identity.machineName)
          return machine.status?.phase === 'Revoked' && machine
        }),
        'Approved',
      ),
      { status: 'False', reason: 'Revoked' },
    )
    const ended = await until('its task to end', async () => {
      const task = await taskNow(waiting.metadata.name)
      return task.status?.state === 'Failed' && task
    })
    t.is(ended.status?.reason, 'MachineRevoked')
    // It cannot be taken back, and it is durable.
    const undo = await fleet
      .client()
      .ask('PATCH', `${kindPath}/machines/${identity.machineName}`, { headers: merge, body: { spec: { revoked: false } } })
    t.is(undo.status, 422)
    await fleet.hub.kill()
    await fleet.startHub()
    await isOut(t, identity, caller(t, identity))
    t.true((await auditRows(fleet.client())).some(({ result, name }) => result === 'IdentityRefused' && name === identity.agentId))
  },
)

test.serial('F-22: deleting cuts as fast; the same host name then gets a new identity with nothing of the old one', async (t) => {
  const port = await startAddressRelay({ teardown: (run) => t.teardown(run) }, fleet.hub.port)
  const token = await giveToken(fleet, { uses: 3 })
  const asked = await askToEnroll(fleet, token, { port, request: { hostname: 'same-name' } })
  const old = identityOf(asked)
  const nats = await natsOf(fleet, old)
  t.true((await sayHello(nats, old)).accepted)
  const oldMachine = await machineOf(old.machineName)
  const left = await taskFor(old.machineName, 'left-behind')
  const call = caller(t, old)
  t.is(await call(), 0)
  await isCutWithin(t, nats, () => fleet.client().ask('DELETE', `${kindPath}/machines/${old.machineName}`))
  await isOut(t, old, call)
  await until(
    'the machine to be gone',
    async () => (await fleet.client().ask('GET', `${kindPath}/machines/${old.machineName}`)).status === 404,
  )
  t.is((await fleet.client().ask('GET', `${kindPath}/tasks/left-behind`)).status, 404)

  // The same key with the same token: a request like any other now, which gets another identity.
  const again = identityOf(await askToEnroll(fleet, token, { port, keys: asked.keys, request: { hostname: 'same-name' } }))
  t.not(again.agentId, old.agentId)
  const fresh = identityOf(await askToEnroll(fleet, token, { port, request: { hostname: 'same-name' } }))
  t.is(new Set([old.agentId, again.agentId, fresh.agentId]).size, 3)
  t.not((await machineOf(again.machineName)).metadata.uid, oldMachine.metadata.uid)
  const freshNats = await natsOf(fleet, fresh)
  const hello = await sayHello(freshNats, fresh)
  t.true(hello.accepted)
  t.is(hello.committedSequence, 0n)
  await isOut(t, old, caller(t, old))
  // Neither the old subjects nor the old tasks are its own.
  const events = [
    { sequence: 1n, taskUid: left.metadata.uid ?? '', attempt: 1, at: new Date(), body: { $case: 'started' as const, value: {} } },
  ]
  t.is((await sendEvents(freshNats, fresh, events)).committedSequence, 1n)
  t.is((await fleet.client().ask('GET', `${kindPath}/tasks/left-behind`)).status, 404)
  await freshNats.close()
})

test.serial('F-22: a real agent that is revoked stops working for this hub; enrolled anew it is another machine', async (t) => {
  const [revoked] = fleet.agents.splice(0, 1)
  if (!revoked) return void t.fail()
  const name = revoked.machine.metadata.name
  t.is((await revoke(name)).status, 200)
  const isRefused = async () =>
    (await auditRows(fleet.client())).some((row) => row.result === 'IdentityRefused' && row.name === revoked.machine.status?.agentId)
  await until('the agent to come back and be refused', isRefused, { timeoutMs: 60_000 })
  t.false(JSON.stringify(await machineOf(name)).includes('"Connected","status":"True"'))
  t.is(conditionOf(await machineOf(name), 'Approved')?.reason, 'Revoked')
  await revoked.agent.stop()
  const anew = await startTestAgent({ teardown: (run) => t.teardown(run) }, fleet.hub, {
    stateDir: `${fleet.directory}/agent-7`,
    env: { MOORLINE_LOG_LEVEL: 'debug' },
  })
  fleet.programs.push(anew.program())
  t.is(anew.machine.status?.enrollment?.hostname, hostname())
  t.not(anew.machine.metadata.name, name)
  t.not(anew.machine.status?.agentId, revoked.machine.status?.agentId)
  await anew.stop()
})

test.serial('F-22: after all of it the others work and the invariants hold', async (t) => {
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
})
