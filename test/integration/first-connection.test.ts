// From a join token to a checked machine, as an operator with kubectl sees it.
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { cpus, hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { type PreflightRow, type PreflightSummary, summarizePreflight } from '#shared/contract/preflight.ts'
import type { Task } from '#shared/contract/task.ts'
import { createOwner } from '#test/faults/owner.ts'
import type { Program } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { agentCommand, conditionOf, type Site, startEnroll, startRun, startSite } from './site.ts'
import { listeningSockets } from './sockets.ts'

const owner = createOwner()
let site: Site
let stateDir: string
let watching: Program
let name: string
let fingerprint: string
let agent: Program

test.before(async () => {
  site = await startSite(owner)
  stateDir = join(site.directory, 'agent')
})
test.after.always(() => owner.close())

const printedFingerprint = (line: string) => /^fingerprint {2}((?:[0-9a-f]{4} ?){16})$/.exec(line)?.[1]
/** NAME, CLUSTER, PHASE, CONNECTED… of each line that a watch has printed for the machine. */
const phasesOf = (program: Program, machine: string) =>
  program
    .stdout()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((cells) => cells[0] === machine)
    .map((cells) => cells[2])

test.serial('a machine that asks waits, and shows the fingerprint that kubectl shows', async (t) => {
  watching = await site.startKubectl('get', 'machines', '--watch')
  const token = await site.joinToken({ approval: 'Manual', ttlSeconds: 600 })
  t.regex(token.status?.token ?? '', /^[A-Za-z0-9_-]{16,}/)
  t.falsy((await site.hub.api.get<JoinToken>(`/apis/${apiVersion}/jointokens/${token.metadata.name}`)).status?.token)

  const enroll = await startEnroll(owner, site.hub.listen, token, { stateDir })
  fingerprint = await enroll.line('the fingerprint', printedFingerprint)
  const [pending] = JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')).items as Machine[]
  name = pending?.metadata.name ?? ''
  t.is(await site.kubectl('get', 'machine', name, '-o', 'jsonpath={.status.enrollment.fingerprint}'), fingerprint)
  await until('the conditions of the pending machine', async () => conditionOf(await site.machine(name), 'Approved'))
  const waiting = await site.machine(name)
  t.is(waiting.status?.phase, 'Pending')
  t.like(conditionOf(waiting, 'Approved'), { status: 'False', reason: 'WaitingForApproval' })
  t.true(conditionOf(waiting, 'Approved')?.message.includes(fingerprint))
  t.like(conditionOf(waiting, 'Connected'), { status: 'False', reason: 'NeverConnected' })
  t.like(conditionOf(waiting, 'CertificateValid'), { status: 'Unknown' })
  t.is(waiting.status?.certificate, undefined)
  t.true(enroll.isRunning())

  const shown = await agentCommand(owner, 'status', '--state-dir', stateDir)
  t.is(shown.code, 1)
  t.regex(shown.stdout, /Pending/)
  t.true(shown.stdout.includes(fingerprint), 'status shows what the operator compares again')

  await site.kubectl('patch', 'machine', name, '--type=merge', '-p', '{"spec":{"approved":true}}')
  const enrolled = await enroll.exited
  t.is(enrolled.code, 0, enroll.stderr())
  t.true(enroll.stdout().includes(`enrolled as machine ${name}`))
  const used = await until('the token to be used up', async () => {
    const now = await site.hub.api.get<JoinToken>(`/apis/${apiVersion}/jointokens/${token.metadata.name}`)
    return now.status?.phase === 'Exhausted' ? now : undefined
  })
  t.is(used.status?.used, 1)
  t.is((await stat(stateDir)).mode & 0o777, 0o700)
})

test.serial('it connects, and rows of its preflight are in the result before the task ends', async (t) => {
  const seen: { name: string; state: string; rows: number }[] = []
  const stop = new AbortController()
  const onTask = (line: string) => {
    const { object } = JSON.parse(line) as { object: Task }
    if (object.spec?.action !== 'preflight') return
    const rows = (object.status?.result as { rows?: unknown[] } | undefined)?.rows?.length ?? 0
    seen.push({ name: object.metadata.name, state: object.status?.state ?? 'Pending', rows })
  }
  const path = `/apis/${apiVersion}/tasks?watch=true&fieldSelector=${encodeURIComponent(`spec.machine=${name}`)}`
  const stream = site
    .client()
    .lines(path, onTask, stop.signal)
    .catch((error: Error) => (stop.signal.aborted ? undefined : Promise.reject(error)))

  agent = await startRun(owner, { stateDir })
  t.regex(await site.kubectl('wait', '--for=condition=Connected', `machine/${name}`, '--timeout=30s'), /condition met/)
  await until('the preflight to end', () => seen.some(({ state }) => state === 'Succeeded'), { timeoutMs: 40_000 })
  stop.abort()
  await stream

  const running = seen.filter(({ state, rows }) => state === 'Running' && rows > 0)
  const whole = seen.at(-1)?.rows ?? 0
  t.true(running.length >= 3, `rows came in ${running.length} steps`)
  t.true((running[0]?.rows ?? 0) < whole)
  t.deepEqual(
    seen.map(({ rows }) => rows),
    seen.map(({ rows }) => rows).sort((a, b) => a - b),
    'a row that was shown stays',
  )
  const task = await site.task(seen.at(-1)?.name ?? '')
  const { rows, summary } = (task.status?.result ?? {}) as { rows: PreflightRow[]; summary: PreflightSummary }
  t.is(rows.length, whole)
  t.deepEqual(summary, summarizePreflight(rows))
  t.is(new Set(rows.map(({ id }) => id)).size, rows.length)
  for (const row of rows) if (row.outcome === 'fail') t.not(row.remedy, '', row.id)
})

test.serial('the machine carries facts, conditions and the sum of its preflight', async (t) => {
  await site.kubectl('wait', '--for=condition=Finished', 'tasks', '--all', '--timeout=30s')
  const machine = await until('facts and preflight on the machine', async () => {
    const now = await site.machine(name)
    return now.status?.facts && now.status.preflight ? now : undefined
  })
  t.is(machine.status?.facts?.cpu.count, cpus().length)
  t.is(machine.status?.facts?.hostname, hostname())
  t.deepEqual(
    machine.status?.conditions?.map(({ type }) => type),
    ['Approved', 'CertificateValid', 'Connected', 'IdentityUnique', 'PreflightPassed'],
  )
  t.like(conditionOf(machine, 'Connected'), { status: 'True', reason: 'AllPlanesEcho' })
  t.like(conditionOf(machine, 'IdentityUnique'), { status: 'True' })
  t.like(conditionOf(machine, 'CertificateValid'), { status: 'True' })
  const days = (Date.parse(machine.status?.certificate?.notAfter ?? '') - Date.now()) / 86_400_000
  t.true(days > 6.9 && days <= 7)
  const { fail, unknown } = machine.status?.preflight?.summary ?? { fail: -1, unknown: -1 }
  t.is(conditionOf(machine, 'PreflightPassed')?.status, fail > 0 ? 'False' : unknown > 0 ? 'Unknown' : 'True')

  const status = await agentCommand(owner, 'status', '--state-dir', stateDir, '-o', 'json')
  t.is(status.code, 0, status.stdout)
  const own = JSON.parse(status.stdout) as { isConnected: boolean; identity: { machineName: string; fingerprint: string } }
  t.true(own.isConnected)
  t.like(own.identity, { machineName: name, fingerprint })
})

test.serial('kubectl get, get --watch, describe and -o yaml show it', async (t) => {
  const wide = await site.kubectl('get', 'machines,tasks', '-o', 'wide')
  const [header = '', line = ''] = wide.split('\n')
  t.regex(header, /^NAME +CLUSTER +PHASE +CONNECTED +PREFLIGHT +AGENT-VERSION +OS +KERNEL +SSH +ADDRESSES +AGE$/)
  t.regex(line, new RegExp(`^machine.moorline.dev/${name} +<none> +Connected +True `))
  t.regex(wide, new RegExp(`task.moorline.dev/${name}-preflight-\\w+ +${name} +preflight +Succeeded`))
  await until('the watch to show the connection', () => phasesOf(watching, name).includes('Connected'))
  const phases = phasesOf(watching, name).filter((phase, index, all) => phase !== all[index - 1])
  t.deepEqual(phases, ['Pending', 'Disconnected', 'Connected'])
  await watching.stop()

  const described = await site.kubectl('describe', 'machine', name)
  t.regex(described, /Kind: +Machine/)
  t.true(described.includes(fingerprint))
  t.regex(described, /Reason: +AllPlanesEcho/)
  const object = parse(await site.kubectl('get', 'machine', name, '-o', 'yaml')) as Machine
  t.is(object.kind, 'Machine')
  t.is(object.spec.approved, true)
  t.regex(await site.kubectl('get', 'mach', '-o', 'name'), new RegExp(`machine.moorline.dev/${name}`))
  t.regex(await site.kubectl('get', 'machines', '--field-selector', 'status.phase=Connected', '-o', 'name'), new RegExp(name))
  t.is((await site.tryKubectl(['get', 'machine', 'nobody'])).code, 1)
})

test.serial('the agent opens no listener', async (t) => {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  t.is((await listeningSockets(process.pid)).filter((socket) => socket.startsWith('tcp')).length, 1, 'a listener would be found')
  probe.close()
  t.deepEqual(await listeningSockets(agent.pid), [])
  // The whole group: nothing that the agent has started listens for it either.
  t.not((await listeningSockets(site.hub.program().pid)).length, 0)
})

test.serial('a machine that is denied gets no identity and hears why', async (t) => {
  const token = await site.joinToken({ ttlSeconds: 600 })
  const denied = join(site.directory, 'denied')
  const enroll = await startEnroll(owner, site.hub.listen, token, { stateDir: denied })
  await enroll.line('the fingerprint', printedFingerprint)
  const machines = JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')).items as Machine[]
  const other = machines.find(({ status }) => status?.enrollment?.joinToken === token.metadata.name)?.metadata.name ?? ''
  t.not(other, name, 'the same host name is another machine')
  await site.kubectl('patch', 'machine', other, '--type=merge', '-p', '{"spec":{"approved":false}}')
  t.is((await enroll.exited).code, 1)
  t.regex(enroll.stderr(), /denied/)
  const run = await startRun(owner, { stateDir: denied })
  t.is((await run.exited).code, 78, run.stderr())
  await until('the phase', async () => (await site.machine(other)).status?.phase === 'Denied')
  await site.kubectl('delete', 'machine', other, '--timeout=20s')
})

test.serial('a deleted machine takes its tasks with it, and its agent is cut off', async (t) => {
  await site.kubectl('delete', 'machine', name, '--timeout=20s')
  t.is(await site.kubectl('get', 'machines,tasks', '-o', 'name'), '')
  await until('the agent to say what happened', () => agent.stderr().includes('HubClosed'))
  t.is((await agent.stop()).code, 0)
})
