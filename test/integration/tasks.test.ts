// Every action as `kubectl apply` gives it to a real agent, and what can be done with a task afterwards.
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { apiVersion } from '#shared/contract/meta.ts'
import type { PreflightRow, PreflightSummary } from '#shared/contract/preflight.ts'
import type { Task } from '#shared/contract/task.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent, type TestAgent } from '#test/helpers/agent.ts'
import { groupMembers } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { agentCommand, conditionOf, type Site, startSite, taskObject } from './site.ts'

const owner = createOwner()
let site: Site
/** Allows exec of /bin/sh and /bin/echo. */
let open: TestAgent
/** Has no policy file. */
let plain: TestAgent
let work: string
const machineOf = (agent: TestAgent) => agent.machine.metadata.name
const logPath = (task: string, query = '') => `/apis/${apiVersion}/tasks/${task}/log${query}`

test.before(async () => {
  site = await startSite(owner)
  work = join(site.directory, 'work')
  const stateDir = join(site.directory, 'open')
  for (const path of [work, stateDir]) await mkdir(path, { mode: 0o700 })
  const policy = { allowedActions: ['preflight', 'facts', 'file', 'exec'], exec: { commands: ['/bin/sh', '/bin/echo'] } }
  await writeFile(join(stateDir, 'policy.json'), JSON.stringify(policy), { mode: 0o600 })
  open = await startTestAgent(owner, site.hub, { stateDir })
  plain = await startTestAgent(owner, site.hub, { stateDir: join(site.directory, 'plain') })
})
test.after.always(() => owner.close())

async function runTask(name: string, spec: Omit<Task['spec'], 'machine'>, agent = open): Promise<Task> {
  await site.apply(taskObject(name, { machine: machineOf(agent), ...spec }))
  return site.finished(name)
}

/** A program that goes on when `gate` is there, so that the test says when. */
const gated = (gate: string) =>
  ['/bin/sh', '-c', 'echo before; while [ ! -e "$1" ]; do sleep 0.05; done; echo after; echo problem >&2', 'sh', gate] as const

test.serial('file creates, finds nothing to do, changes, and leave puts all of it back', async (t) => {
  const path = join(work, 'config')
  const kept = join(work, 'kept')
  await writeFile(kept, 'as it was\n')
  await chmod(kept, 0o600)
  const created = await runTask('file-create', { action: 'file', input: { path, content: 'one\n', mode: '0640' } }, plain)
  t.is(created.status?.state, 'Succeeded', created.status?.message)
  t.like(created.status?.result, { changed: true, sha256Before: null })
  t.is(await readFile(path, 'utf8'), 'one\n')
  t.is((await stat(path)).mode & 0o777, 0o640)

  const unchanged = await runTask('file-same', { action: 'file', input: { path, content: 'one\n', mode: '0640' } }, plain)
  t.like(unchanged.status?.result, { changed: false })
  t.regex(await site.kubectl('get', '--raw', logPath('file-same')), /is as wanted already/)
  const changed = await runTask('file-change', { action: 'file', input: { path, content: 'two\n' } }, plain)
  t.like(changed.status?.result, { changed: true })
  t.is((await stat(path)).mode & 0o777, 0o640, 'what the input does not name stays')
  await runTask('file-other', { action: 'file', input: { path: kept, content: 'changed\n', mode: '0644' } }, plain)
  t.is(await readFile(kept, 'utf8'), 'changed\n')

  const denied = await runTask('file-denied', { action: 'file', input: { path: '/etc/sudoers.d/hub', content: 'x' } }, plain)
  t.like(denied.status, { state: 'Failed', reason: 'PathNotAllowed' })
  t.false(existsSync('/etc/sudoers.d/hub'))

  const busy = await agentCommand(owner, 'leave', '--state-dir', plain.stateDir)
  t.is(busy.code, 1, 'not while it runs')
  t.is(await readFile(path, 'utf8'), 'two\n')
  await plain.stop()
  const left = await agentCommand(owner, 'leave', '--state-dir', plain.stateDir)
  t.is(left.code, 0, left.stderr)
  t.false(existsSync(path))
  t.is(await readFile(kept, 'utf8'), 'as it was\n')
  t.is((await stat(kept)).mode & 0o777, 0o600)
  t.regex((await agentCommand(owner, 'status', '--state-dir', plain.stateDir)).stdout, /NotEnrolled/)
  plain = await startTestAgent(owner, site.hub, { stateDir: plain.stateDir })
})

test.serial('exec is refused by the machine unless its policy allows it, and the task says which file decides', async (t) => {
  const refused = await runTask('exec-refused', { action: 'exec', input: { command: ['/bin/echo', 'hello'] } }, plain)
  t.like(refused.status, { state: 'Failed', reason: 'ActionNotAllowed' })
  t.regex(refused.status?.message ?? '', /exec is not among allowedActions .*\/etc\/moorline\/agent-policy\.json/)
  t.like(conditionOf(refused, 'Finished'), { status: 'True', reason: 'ActionNotAllowed' })
  t.regex(await site.kubectl('get', 'task', 'exec-refused', '-o', 'wide'), /ActionNotAllowed/)

  const other = await runTask('exec-other', { action: 'exec', input: { command: ['/bin/cat', '/etc/passwd'] } })
  t.like(other.status, { state: 'Failed', reason: 'CommandNotAllowed' })
  t.true(other.status?.message?.includes(join(open.stateDir, 'policy.json')))

  const allowed = await runTask('exec-allowed', {
    action: 'exec',
    input: { command: ['/bin/echo', '$(id)', '; echo no shell'], environment: { A: 'b' } },
  })
  t.is(allowed.status?.state, 'Succeeded', allowed.status?.message)
  t.like(allowed.status?.result, { exitCode: 0, signal: null })
  t.is(await site.kubectl('get', '--raw', logPath('exec-allowed')), '$(id) ; echo no shell\n')
  const failed = await runTask('exec-fails', { action: 'exec', input: { command: ['/bin/sh', '-c', 'echo oops >&2; exit 3'] } })
  t.like(failed.status, { state: 'Failed', reason: 'NonZeroExit' })
  t.like(failed.status?.result, { exitCode: 3 })
})

test.serial('facts and a preflight with input', async (t) => {
  const facts = await runTask('facts-now', { action: 'facts' })
  t.is((facts.status?.result as { architecture?: string } | undefined)?.architecture, 'amd64')
  const input = { role: 'worker', kubernetesVersion: 'v1.30', ignore: ['NumCPU', 'Mem'], serviceCIDRs: ['10.96.0.0/12'] } as const
  const preflight = await runTask('preflight-worker', { action: 'preflight', input })
  t.is(preflight.status?.state, 'Succeeded', preflight.status?.message)
  const { rows } = (preflight.status?.result ?? {}) as { rows: PreflightRow[]; summary: PreflightSummary }
  const skipped = rows.find(({ id }) => id === 'Port-6443')
  t.true(skipped === undefined || skipped.outcome === 'skipped', 'a worker needs no port of the API server')
  t.is(rows.find(({ id }) => id === 'Port-10250')?.outcome === 'skipped', false)
  for (const row of rows.filter(({ id, outcome }) => ['NumCPU', 'Mem'].includes(id) && outcome === 'fail')) t.true(row.ignored)
})

test.serial('what cannot be a task is refused with the field', async (t) => {
  const refuse = async (spec: Task['spec']) => {
    const { code, stderr } = await site.tryKubectl(['apply', '-f', '-'], JSON.stringify(taskObject('wrong', spec)))
    t.is(code, 1)
    return stderr
  }
  const machine = machineOf(open)
  t.regex(await refuse({ machine: 'nobody', action: 'facts' }), /spec\.machine: .*no Machine of this name/)
  t.regex(await refuse({ machine, action: 'format' }), /spec\.action: Unsupported value: "format".*preflight/)
  t.regex(await refuse({ machine, action: 'exec', input: { command: 'rm -rf /' } }), /spec\.input\.command/)
  t.regex(await refuse({ machine, action: 'file', input: { path: '/tmp/../etc/x', content: '' } }), /spec\.input\.path/)
  t.regex(await refuse({ machine, action: 'facts', input: { extra: 1 } }), /spec\.input\.extra/)
  const { stderr } = await site.tryKubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ ...taskObject('wrong', { machine, action: 'facts' }), spec: { machine, action: 'facts', machina: 1 } }),
  )
  t.regex(stderr, /unknown field "?spec\.machina/)
  t.is((await site.tryKubectl(['get', 'task', 'wrong'])).code, 1)
})

test.serial('follow=true prints while it runs and ends with it; sinceSeq goes on behind what was read', async (t) => {
  const gate = join(work, 'gate-follow')
  const seen: string[] = []
  await site.apply(taskObject('follow', { machine: machineOf(open), action: 'exec', input: { command: [...gated(gate)] } }))
  const following = site.client().lines(logPath('follow', '?follow=true'), (line) => seen.push(line), new AbortController().signal)
  await until('the first line', () => seen.includes('before'))
  t.is((await site.task('follow')).status?.state, 'Running')
  t.is((await site.machine(machineOf(open))).status?.currentTask, 'follow')
  t.deepEqual(seen, ['before'])
  const rows = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { sequence: number; stream: string; text: string })
  const [first] = rows(await site.kubectl('get', '--raw', logPath('follow', '?format=json')))
  t.like(first, { stream: 'stdout', text: 'before\n' })
  await writeFile(gate, '')
  await following
  t.deepEqual(seen.toSorted(), ['after', 'before', 'problem'])
  t.is((await site.finished('follow')).status?.state, 'Succeeded')
  const rest = rows(await site.kubectl('get', '--raw', logPath('follow', `?format=json&sinceSeq=${first?.sequence}`)))
  t.deepEqual(rest.map(({ text }) => text).toSorted(), ['after\n', 'problem\n'])
  t.true(rest.every(({ sequence }) => sequence > (first?.sequence ?? 0)))
  t.is(rest.find(({ text }) => text === 'problem\n')?.stream, 'stderr')
})

test.serial('a cancel ends the program and says so', async (t) => {
  const command = [...gated(join(work, 'never'))]
  await site.apply(taskObject('cancelled', { machine: machineOf(open), action: 'exec', input: { command } }))
  await until('it to run', async () => (await site.task('cancelled')).status?.state === 'Running')
  await site.kubectl('create', '--raw', `/apis/${apiVersion}/tasks/cancelled/cancel`, '-f', '/dev/null')
  const task = await site.finished('cancelled')
  t.like(task.status, { state: 'Canceled' })
  t.truthy(task.status?.cancelRequestedAt)
  await until('it to wait for nobody', async () => !conditionOf(await site.task('cancelled'), 'Waiting'))
  await until('the program to be gone', async () =>
    (await groupMembers(open.program().pid)).every((member) => !member.includes(join(work, 'never'))),
  )
})

test.serial('a task that takes longer than timeoutSeconds is TimedOut, and a higher attempt runs it again', async (t) => {
  const gate = join(work, 'gate-attempt')
  const first = await runTask('again', { action: 'exec', timeoutSeconds: 4, input: { command: [...gated(gate)] } })
  t.is(first.status?.state, 'TimedOut')
  t.like(conditionOf(first, 'Finished'), { status: 'True' })
  const same = await site.tryKubectl(['patch', 'task', 'again', '--type=merge', '-p', '{"spec":{"input":{"command":["/bin/echo"]}}}'])
  t.regex(same.stderr, /spec\.input: .*immutable/)
  await writeFile(gate, '')
  await site.kubectl('patch', 'task', 'again', '--type=merge', '-p', '{"spec":{"attempt":2,"timeoutSeconds":60}}')
  const second = await until('the second attempt', async () => {
    const task = await site.task('again')
    return task.status?.attempt === 2 && task.status.state === 'Succeeded' ? task : undefined
  })
  t.like(second.status?.result, { exitCode: 0 })
  t.regex(await site.kubectl('get', '--raw', logPath('again')), /^before\nafter\n/)
  t.is(await site.kubectl('get', '--raw', logPath('again', '?attempt=1')), 'before\n')
  t.regex((await site.tryKubectl(['patch', 'task', 'again', '--type=merge', '-p', '{"spec":{"attempt":1}}'])).stderr, /only be raised/)
})

test.serial('wait, watch and delete', async (t) => {
  const watch = await site.startKubectl('get', 'tasks', '--watch', '--output-watch-events')
  await until('the list to be shown', () => watch.stdout().includes('ADDED'))
  const gate = join(work, 'gate-watch')
  await site.apply(taskObject('watched', { machine: machineOf(open), action: 'exec', input: { command: [...gated(gate)] } }))
  await until('the watch to show it running', () => /MODIFIED +watched +\S+ +exec +Running/.test(watch.stdout()))
  await writeFile(gate, '')
  t.regex(await site.kubectl('wait', '--for=condition=Finished', 'task/watched', '--timeout=20s'), /condition met/)
  t.regex(await site.kubectl('wait', '--for=jsonpath={.status.state}=Succeeded', 'task/watched', '--timeout=5s'), /condition met/)
  t.regex(await site.kubectl('delete', 'task', 'watched', '--timeout=20s'), /deleted/)
  await until('the watch to show the deletion', () => /DELETED +watched/.test(watch.stdout()))
  t.is((await site.tryKubectl(['get', '--raw', logPath('watched')])).code, 1)
  const states = [...watch.stdout().matchAll(/^\w+ +watched +\S+ +exec +(\w+)/gm)].map((match) => match[1] as string)
  const order = ['Pending', 'Delivered', 'Running', 'Succeeded']
  const ranks = states.map((state) => order.indexOf(state))
  t.deepEqual(
    ranks,
    ranks.toSorted((a, b) => a - b),
    states.join(),
  )

  const running = join(work, 'gate-delete')
  await site.apply(taskObject('deleted', { machine: machineOf(open), action: 'exec', input: { command: [...gated(running)] } }))
  await until('it to run', async () => (await site.task('deleted')).status?.state === 'Running')
  await site.kubectl('delete', 'task', 'deleted', '--timeout=20s')
  await until('the program of a deleted task to be ended', async () =>
    (await groupMembers(open.program().pid)).every((member) => !member.includes(running)),
  )
})
