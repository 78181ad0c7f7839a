// What an operator does to a running fleet: stops and starts either side, backs up, restores. Crashes are the matter of the other files here.
import { cp, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent, type TestAgent } from '#test/helpers/agent.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { groupMembers, startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { conditionOf, type Site, startSite, taskObject } from '#test/integration/site.ts'

const owner = createOwner()
let site: Site
let agent: TestAgent
let name: string
let work: string

test.before(async () => {
  site = await startSite(owner)
  work = join(site.directory, 'work')
  const stateDir = join(site.directory, 'agent')
  for (const path of [work, stateDir]) await mkdir(path, { mode: 0o700 })
  await writeFile(join(stateDir, 'policy.json'), JSON.stringify({ allowedActions: ['exec', 'file'] }), { mode: 0o600 })
  agent = await startTestAgent(owner, site.hub, { stateDir })
  name = agent.machine.metadata.name
})
test.after.always(() => owner.close())

const fileTask = (task: string) =>
  taskObject(task, { machine: name, action: 'file', input: { path: join(work, task), content: `${task}\n` } })
const phase = async (wanted: string) => (await site.machine(name)).status?.phase === wanted

async function hubCommand(...args: string[]) {
  const program = await startProgram(owner, process.execPath, ['hub/main.ts', ...args], { cwd: repositoryRoot })
  const { code } = await program.exited
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

test.serial('a task for a machine that is away says who it waits for, and runs when the agent is back', async (t) => {
  const { pid } = agent.program()
  t.is((await agent.program().stop()).code, 0)
  t.deepEqual(await groupMembers(pid), [], 'nothing of the agent is left')
  await until('the machine to be called disconnected', () => phase('Disconnected'))
  t.like(conditionOf(await site.machine(name), 'Connected'), { status: 'False', reason: 'NoHeartbeat' })
  await site.apply(fileTask('offline'))
  const waiting = await until('the reason', async () => conditionOf(await site.task('offline'), 'Waiting'))
  t.is(waiting.reason, 'AgentDisconnected')
  t.regex(
    waiting.message,
    new RegExp(`waits for the agent of machine ${name} to come back.*since .*until .*then it is recorded as TimedOut`),
  )
  t.is((await site.task('offline')).status?.state, 'Pending')
  await agent.start()
  t.is((await site.finished('offline')).status?.state, 'Succeeded')
})

test.serial('the hub can be restarted in the middle of a task: its log has every line once', async (t) => {
  const gate = join(work, 'gate')
  const script =
    'for i in 1 2 3; do echo "early $i"; done; while [ ! -e "$1" ]; do sleep 0.05; done; for i in 1 2 3; do echo "late $i"; done'
  const command = ['/bin/sh', '-c', script, 'sh', gate]
  await site.apply(taskObject('long', { machine: name, action: 'exec', input: { command } }))
  await until('it to run', async () => (await site.task('long')).status?.state === 'Running')
  const { pid } = site.hub.program()
  t.is((await site.hub.program().stop()).code, 0)
  t.deepEqual(await groupMembers(pid), [], 'the hub takes its NATS server with it')
  await writeFile(gate, '')
  await site.hub.start()
  t.is((await site.task('offline')).status?.state, 'Succeeded', 'the state from before')
  const task = await site.finished('long')
  t.is(task.status?.state, 'Succeeded')
  const log = await site.kubectl('get', '--raw', `/apis/${apiVersion}/tasks/long/log`)
  t.is(log, ['early 1', 'early 2', 'early 3', 'late 1', 'late 2', 'late 3', ''].join('\n'))
  t.is(task.status?.droppedEvents ?? 0, 0)
  t.regex(await site.kubectl('wait', '--for=condition=Connected', `machine/${name}`, '--timeout=20s'), /condition met/)
})

test.serial('a task that an agent was running when it was stopped does not stay open', async (t) => {
  const command = ['/bin/sh', '-c', 'echo started; while [ ! -e "$1" ]; do sleep 0.05; done', 'sh', join(work, 'never')]
  await site.apply(taskObject('interrupted', { machine: name, action: 'exec', input: { command } }))
  await until('it to run', async () => (await site.task('interrupted')).status?.state === 'Running')
  const { pid } = agent.program()
  await agent.stop()
  t.deepEqual(await groupMembers(pid), [])
  await agent.start()
  t.like((await site.finished('interrupted')).status, { state: 'Failed', reason: 'Interrupted' })
})

test.serial('a backup of the running hub can be restored, and the fleet works with it', async (t) => {
  await site.apply(fileTask('kept'))
  await site.finished('kept')
  const backup = join(site.directory, 'backup.db')
  const made = await hubCommand('backup', '--data', site.hub.dataDir, '--to', backup)
  t.is(made.code, 0, made.stderr)
  t.is((await stat(backup)).mode & 0o077, 0, 'a backup is as private as the database')
  await site.apply(fileTask('after'))
  await site.finished('after')

  const early = await hubCommand('restore', '--data', site.hub.dataDir, '--from', backup)
  t.not(early.code, 0, 'not under a running hub')
  t.is((await site.task('after')).status?.state, 'Succeeded')
  await site.hub.stop()
  const restored = await hubCommand('restore', '--data', site.hub.dataDir, '--from', backup)
  t.is(restored.code, 0, restored.stderr)
  t.regex(restored.stdout, /is kept as/)
  await site.hub.start()
  t.is((await site.task('kept')).status?.state, 'Succeeded')
  t.is((await site.tryKubectl(['get', 'task', 'after'])).code, 1)
  // The agent has had more of its events acknowledged than the restored hub knows of.
  await until('the agent to be back', () => phase('Connected'), { timeoutMs: 40_000 })
  await site.apply(fileTask('anew'))
  t.is((await site.finished('anew')).status?.state, 'Succeeded')
})

test.serial('a copy of the data directory is the same hub at another place', async (t) => {
  await site.hub.stop()
  const copy = join(site.directory, 'copy')
  await cp(site.hub.dataDir, copy, { recursive: true })
  await site.hub.start()
  const before = await site.machine(name)
  await site.hub.stop()
  const moved = await startProgram(owner, process.execPath, ['hub/main.ts', '--listen', site.hub.listen, '--data', copy], {
    cwd: repositoryRoot,
  })
  await moved.line('the ready event', (line) => (line.startsWith('{') ? line : undefined), 60_000)
  await until('the agent to connect to it', async () => {
    const now = await site.hub.api.get<Machine>(`/apis/${apiVersion}/machines/${name}`)
    return now.metadata.uid === before.metadata.uid && now.status?.phase === 'Connected'
  })
  t.is((await moved.stop()).code, 0)
})
