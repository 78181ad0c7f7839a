// F-21: a copy of a machine, with its whole state, on hardware of its own. The agent is the real one in a mount namespace in which
// /etc/machine-id is another; nothing else tells the two apart.
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { status } from '@grpc/grpc-js'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { emptyMetadata, type ServiceError } from '#agent/link/grpc.ts'
import { IdentityServiceClient } from '#proto/moorline/v1/procedures.ts'
import { tryCommand } from '#scripts/dev/command.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import { conditionOf, type Fleet, startFleet } from './fleet.ts'
import { auditRows, checkFleet } from './invariants.ts'
import { createOwner, type ClosableOwner } from './owner.ts'
import { enrolled, fingerprintOf, natsOf, proceduresOf, sayHello } from './wire.ts'

let fleet: Fleet
let owner: ClosableOwner
let clone: Program
let canUnshare = false
test.before(async () => {
  owner = createOwner()
  canUnshare = (await tryCommand('unshare', ['--mount', 'true'])).code === 0
  fleet = await startFleet({ agents: 1 })
})
test.after.always(async () => {
  await owner?.close()
  await fleet?.close()
})

const original = () => fleet.agents[0] as Fleet['agents'][number]
const conditions = async () => {
  const machine = await fleet.machine(original())
  return { connected: conditionOf(machine, 'Connected'), unique: conditionOf(machine, 'IdentityUnique') }
}

/** Copies the state of the running agent and starts it elsewhere. */
async function startClone(): Promise<Program> {
  const stateDir = join(fleet.directory, 'agent-9')
  const machineId = join(fleet.directory, 'machine-id-of-the-clone')
  await rm(stateDir, { recursive: true, force: true })
  await cp(original().stateDir, stateDir, { recursive: true })
  // It names a process of the other machine.
  await rm(join(stateDir, 'agent.pid'), { force: true })
  await writeFile(machineId, `${'c10e'.repeat(8)}\n`)
  const run = 'mount --bind "$1" /etc/machine-id && shift && exec "$@"'
  const agent = [process.execPath, 'agent/main.ts', 'run', '--state-dir', stateDir]
  const env = { ...process.env, WHO: 'clone', MOORLINE_LOG_LEVEL: 'debug' }
  const started = await startProgram(owner, 'unshare', ['--mount', 'sh', '-c', run, 'sh', machineId, ...agent], {
    cwd: inRepository(),
    env,
  })
  fleet.programs.push(started)
  return started
}
const refusalOf = (program: Program) =>
  until('the clone to be refused', () => /IdentityCloned/.test(program.stdout() + program.stderr()), { timeoutMs: 30_000 })

test.serial('F-21: a copy that comes while the rightful machine is connected is refused, shown, and runs none of its tasks', async (t) => {
  if (!canUnshare) return void t.pass('this host allows no mount namespaces')
  clone = await startClone()
  await refusalOf(clone)
  const { unique, connected } = await until('the copy to be shown', async () => {
    const both = await conditions()
    return both.unique?.status === 'False' && both
  })
  t.is(unique?.reason, 'IdentityCloned')
  t.regex(unique?.message ?? '', /127\.0\.0\.1/)
  t.is(connected?.status, 'True')
  // Both get what is sent to the identity; each task is run once, by the one it was meant for (I2, I5).
  await fleet.work()
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
  t.true(clone.isRunning())
  t.true((await auditRows(fleet.client())).some(({ result, decision }) => result === 'IdentityCloned' && decision === 'deny'))
})

test.serial('F-21: alone it is refused too, is shown instead of a connection, and gets no tasks', async (t) => {
  if (!canUnshare) return void t.pass('this host allows no mount namespaces')
  await clone.stop()
  await original().agent.stop()
  clone = await startClone()
  await refusalOf(clone)
  const { connected, unique } = await until(
    'the copy to be shown',
    async () => {
      const both = await conditions()
      return both.connected?.reason === 'IdentityCloned' && both
    },
    { timeoutMs: 40_000 },
  )
  t.is(connected?.status, 'False')
  t.like(unique, { status: 'False', reason: 'IdentityCloned' })
  await fleet.work()
})

test.serial('F-21: it heals by itself when the rightful machine is back', async (t) => {
  if (!canUnshare) return void t.pass('this host allows no mount namespaces')
  await clone.stop()
  await original().start()
  t.deepEqual(await checkFleet(fleet), [])
  const { connected, unique } = await conditions()
  t.is(connected?.status, 'True')
  t.is(unique?.status, 'True')
})

test.serial('F-21: a copy cannot renew the identity, so that it cannot lock the rightful machine out', async (t) => {
  const identity = await enrolled(fleet)
  const nats = await natsOf(fleet, identity)
  t.true((await sayHello(nats, identity)).accepted)
  const renew = (machineFingerprint: string) =>
    new Promise<number>((resolve) => {
      const { csr, natsPublicKey } = publicHalf(createKeys())
      const request = { csr, natsPublicKey, machineFingerprint }
      const client = proceduresOf(owner, fleet, identity).client(IdentityServiceClient)
      client.renew(request, emptyMetadata(), { deadline: Date.now() + 20_000 }, (error: ServiceError | null) => resolve(error?.code ?? 0))
    })
  t.is(await renew(fingerprintOf('copy')), status.PERMISSION_DENIED)
  const { items } = (await fleet.client().ask('GET', `${kindPath}/machines`)).json<{
    items: { metadata: { name: string }; status: { certificate?: { previousSerial?: string } } }[]
  }>()
  t.is(items.find(({ metadata }) => metadata.name === identity.machineName)?.status.certificate?.previousSerial, undefined)
  t.is(await renew(fingerprintOf('wire')), 0)
  await nats.close()
})
