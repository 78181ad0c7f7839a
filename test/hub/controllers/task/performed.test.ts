import test from 'ava'
import type { ExecutionContext } from 'ava'
import { createTaskController } from '#hub/controllers/task/controller.ts'
import { type HubRun, type Performer, TaskFailure } from '#hub/controllers/task/performed/types.ts'
import type { SignedOrder } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { silentLog } from '#shared/log/log.ts'
import { testResources } from '#test/hub/resources/support.ts'
import { until } from '#test/helpers/until.ts'

/** The real store, resources and controller; what is performed is what the test says. */
async function fixture(t: ExecutionContext, perform: Performer['perform'], most?: number) {
  const { resources, store } = await testResources(t)
  const cleaned: string[] = []
  const clock = { ...systemClock, now: () => new Date('2030-01-02T03:04:06Z') }
  const describe = () => 'there and back'
  const performer: Performer = { describe, perform, cleanUp: async (task) => void cleaned.push(task.metadata.name) }
  const gateway = { sendOrder: () => Promise.reject(new Error('nothing of this is sent to an agent')) }
  const signer = {
    sign: (payload: Uint8Array): SignedOrder => ({ payload: Buffer.from(payload), signature: Buffer.alloc(64), keyId: 'k' }),
  }
  const performed = { store, performers: { 'install-agent': performer }, ...(most && { most }) }
  const build = () => createTaskController({ resources, gateway, signer, clock, random: () => 0, log: silentLog, performed })
  let controller = build()
  controller.start()
  t.teardown(() => controller.stop())
  const add = async (name: string) => {
    const ssh = { host: '127.0.0.1', credentialRef: 'c' }
    await store.transact([{ op: 'create', object: { apiVersion, kind: 'Machine', metadata: { name, uid: `uid-${name}` }, spec: { ssh } } }])
    await resources.create<Task>('Task', { metadata: { name: `install-${name}` }, spec: { machine: name, action: 'install-agent' } })
  }
  const get = (name: string) => resources.get<Task>('Task', `install-${name}`) as Task
  return {
    ...{ resources, store, add, get, cleaned },
    ended: (name: string) => until(`${name} to end`, () => findCondition(get(name).status?.conditions, 'Finished')?.status === 'True'),
    async restart() {
      await controller.stop()
      controller = build()
      controller.start()
    },
  }
}
const aborted = (run: HubRun) =>
  new Promise<never>((_resolve, reject) => {
    const end = () => reject(run.signal.reason as Error)
    // It may have been told to stop before it was begun.
    if (run.signal.aborted) return end()
    run.signal.addEventListener('abort', end, { once: true })
  })

test('a task of the hub runs, tells its progress, and all of its log is there when it has ended', async (t) => {
  const { add, get, ended, store } = await fixture(t, async (_task, run) => {
    run.line('system', 'one')
    await run.progress(50, 'half')
    run.line('stderr', 'two')
    return { message: 'done it' }
  })
  await add('m')
  await ended('m')
  const { status, metadata } = get('m')
  t.like(status, { state: 'Succeeded', message: 'done it', logBytes: 8, progress: { percent: 100 } })
  t.is(status?.agentId, undefined)
  t.deepEqual(
    (await store.taskLog(metadata.uid ?? '', 1, 0, 1e6)).map(({ stream, data }) => `${stream} ${data}`),
    ['system one\n', 'stderr two\n'],
  )
})

test('a failure is called what it is, and another attempt begins afresh', async (t) => {
  let runs = 0
  const { add, get, ended, resources } = await fixture(t, async () => {
    if (++runs === 1) throw new TaskFailure('LoginRefused', 'no')
    return { message: 'yes' }
  })
  await add('m')
  await ended('m')
  t.like(get('m').status, { state: 'Failed', reason: 'LoginRefused', message: 'no' })
  await resources.modify<Task>('Task', 'install-m', (task) => ({ ...task, spec: { ...task.spec, attempt: 2 } }))
  await until('the second', () => get('m').status?.attempt === 2 && get('m').status?.state === 'Succeeded')
  t.is(get('m').status?.reason, undefined)
})

test('a cancel reaches what runs, and is the end when that has undone it', async (t) => {
  const { add, get, ended, resources } = await fixture(t, async (_task, run) => aborted(run))
  await add('m')
  await until('it to run', () => get('m').status?.state === 'Running')
  await resources.modify<Task>('Task', 'install-m', (task) => ({ ...task, spec: { ...task.spec, cancel: true } }))
  await ended('m')
  t.like(get('m').status, { state: 'Canceled', reason: 'Canceled' })
})

test('a hub that stops in the middle writes no end; the next one takes the same attempt up again', async (t) => {
  const seen: boolean[] = []
  const { add, get, ended, restart, store } = await fixture(t, async (_task, run) => {
    seen.push(run.isResumed)
    return run.isResumed ? { message: 'in the second life' } : aborted(run)
  })
  await add('m')
  await until('it to run', () => seen.length === 1)
  await restart()
  await ended('m')
  t.deepEqual(seen, [false, true])
  t.deepEqual(
    (await store.audit(0, 10)).map(({ result }) => result),
    ['Started', 'Resumed', 'Succeeded'],
  )
  t.like(get('m').status, { state: 'Succeeded', attempt: 1, message: 'in the second life' })
})

test('one that was canceled while the hub was away is only undone', async (t) => {
  const { add, get, ended, restart, resources, cleaned } = await fixture(t, async (_task, run) => aborted(run))
  await add('m')
  await until('it to run', () => get('m').status?.state === 'Running')
  const stopped = restart()
  await resources.modify<Task>('Task', 'install-m', (task) => ({ ...task, spec: { ...task.spec, cancel: true } }))
  await stopped
  await ended('m')
  t.is(get('m').status?.state, 'Canceled')
  t.true(cleaned.length <= 1)
})

test('more than there are places for wait, say so, and get theirs', async (t) => {
  let now = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const { add, get, ended } = await fixture(
    t,
    async () => {
      most = Math.max(most, ++now)
      await gate.promise
      now--
      return { message: 'done' }
    },
    1,
  )
  await add('a')
  await until('the first to run', () => now === 1)
  await add('b')
  await until('the second to wait', () => findCondition(get('b').status?.conditions, 'Waiting')?.reason === 'QueuedInHub')
  gate.resolve()
  await ended('a')
  await ended('b')
  t.is(most, 1)
})

test('each attempt has a row in the audit log before it begins and before its end is told: who asked, the machine, the outcome, and no message', async (t) => {
  const before: number[] = []
  const gate = Promise.withResolvers<void>()
  const { add, get, ended, resources, store } = await fixture(t, async () => {
    before.push((await store.audit(0, 100)).length)
    if (before.length === 1) throw new TaskFailure('LoginRefused', 'canary-message')
    await gate.promise
    return { message: 'yes' }
  })
  await add('m')
  await ended('m')
  await resources.modify<Task>('Task', 'install-m', (task) => ({
    ...task,
    spec: { ...task.spec, attempt: 2 },
    status: { ...(task.status as TaskStatus), requestedBy: 'alice' },
  }))
  await until('the second to run', () => before.length === 2)
  gate.resolve()
  await until('the second to end', () => get('m').status?.state === 'Succeeded')
  t.deepEqual(before, [1, 3])
  const rows = await store.audit(0, 100)
  t.deepEqual(
    rows.map(({ user, verb, resource, name, result }) => [user, verb, resource, name, result]),
    [
      ['system:hub', 'install-agent', 'Machine', 'm', 'Started'],
      ['system:hub', 'install-agent', 'Machine', 'm', 'LoginRefused'],
      ['alice', 'install-agent', 'Machine', 'm', 'Started'],
      ['alice', 'install-agent', 'Machine', 'm', 'Succeeded'],
    ],
  )
  t.regex(rows[1]?.detail ?? '', /^task install-m, attempt 1; there and back; Failed after \d+\.\d s$/)
  t.notRegex(JSON.stringify(rows), /canary/)
})

test('its machine deleted: it is stopped and ends as MachineNotFound', async (t) => {
  const { add, get, ended, resources } = await fixture(t, async (_task, run) => aborted(run))
  await add('m')
  await until('it to run', () => get('m').status?.state === 'Running')
  await resources.delete('Machine', 'm')
  await ended('m')
  t.like(get('m').status, { state: 'Failed', reason: 'MachineNotFound' })
})

test('by hand it is for machines with spec.ssh and without an agent, and one at a time', async (t) => {
  const { add, get, resources } = await fixture(t, async (_task, run) => aborted(run))
  await resources.create('Machine', { metadata: { name: 'plain' }, spec: {} })
  const create = (machine: string) => resources.create('Task', { metadata: { name: 'again' }, spec: { machine, action: 'install-agent' } })
  await t.throwsAsync(create('plain'), { message: /has no spec.ssh/ })
  await add('m')
  await until('it to run', () => get('m').status?.state === 'Running')
  await resources.modify<Machine>('Machine', 'm', (machine) => ({ ...machine, status: { ssh: { task: 'install-m' } } }), {
    subresource: 'status',
  })
  await t.throwsAsync(create('m'), { message: /installs the agent on machine m already/ })
})
