import test from 'ava'
import fc from 'fast-check'
import type { Store } from '#hub/store/types.ts'
import { limits } from '#shared/contract/limits.ts'
import type { Task } from '#shared/contract/task.ts'
import { body, collectingLog, events, machineWithTask, object, testStore } from './support.ts'

const taskOf = (store: Store, name: string) => store.get('Task', name) as Task
const textOf = async (store: Store, taskUid: string, attempt = 1, since = 0) =>
  (await store.taskLog(taskUid, attempt, since, 1e6)).map((row) => row.data.toString())

test('a batch moves the task, keeps its output and remembers the sequence', async (t) => {
  const { store, reopen } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  const batch = [body.started, body.output('one\n'), body.progress(40), body.row('{"id":"x"}'), body.output('two\n')]
  t.deepEqual(await store.applyEvents(agentId, events(taskUid, 1, batch)), { committedSequence: 5 })
  const { status } = taskOf(store, taskName)
  t.is(status?.state, 'Running')
  t.deepEqual(status?.progress, { percent: 40, message: 'at 40' })
  t.deepEqual(status?.result, { rows: [{ id: 'x' }] })
  t.is(status?.logBytes, 8)
  t.deepEqual(await textOf(store, taskUid), ['one\n', 'two\n'])
  const again = await reopen()
  t.is(await again.committedSequence(agentId), 5)
  t.deepEqual(await textOf(again, taskUid, 1, 1), ['two\n'])
})

test('a batch makes one change of the task, and output alone makes none', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid } = await machineWithTask(store, 'a')
  const before = store.currentResourceVersion()
  await store.applyEvents(agentId, events(taskUid, 1, [body.started, body.progress(1), body.progress(2), body.row('1')]))
  t.is(store.currentResourceVersion(), before + 1)
  await store.applyEvents(agentId, events(taskUid, 5, [body.output('x')]))
  t.is(store.currentResourceVersion(), before + 1)
})

test('replayed and overlapping batches change nothing but what is new in them', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid } = await machineWithTask(store, 'a')
  const all = events(taskUid, 1, [body.started, ...Array.from({ length: 30 }, (_, i) => body.output(`${i};`))])
  await fc.assert(
    fc.asyncProperty(fc.nat(30), fc.nat(30), async (from, count) => {
      const last = await store.committedSequence(agentId)
      const batch = all.slice(from, from + count)
      const result = await store.applyEvents(agentId, batch)
      const [first] = batch
      if (first === undefined) return result.committedSequence === last
      if (Number(first.sequence) > last + 1) return result.refused === 'Gap' && result.committedSequence === last
      return result.committedSequence === Math.max(last, from + batch.length)
    }),
  )
  await store.applyEvents(agentId, all)
  await store.applyEvents(agentId, all)
  t.is((await textOf(store, taskUid)).join(''), Array.from({ length: 30 }, (_, i) => `${i};`).join(''))
})

test('a batch that leaves events out is refused as a whole', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  const result = await store.applyEvents(agentId, events(taskUid, 2, [body.started]))
  t.like(result, { committedSequence: 0, refused: 'Gap' })
  t.is(taskOf(store, taskName).status?.state, 'Delivered')
  const holed = [...events(taskUid, 1, [body.started]), ...events(taskUid, 3, [body.finished('Succeeded')])]
  t.is((await store.applyEvents(agentId, holed)).refused, 'Invalid')
  t.is(taskOf(store, taskName).status?.state, 'Delivered')
})

test('no agent reaches the task of another machine, and the attempt is audited', async (t) => {
  const { log, warnings } = collectingLog()
  const { store } = await testStore(t, { log })
  const { taskUid, taskName } = await machineWithTask(store, 'victim')
  const { agentId } = await machineWithTask(store, 'thief')
  const result = await store.applyEvents(agentId, events(taskUid, 1, [body.started, body.output('mine'), body.finished('Succeeded')]))
  // Its own stream goes on: it is only its own loss.
  t.deepEqual(result, { committedSequence: 3 })
  t.is(taskOf(store, taskName).status?.state, 'Delivered')
  t.deepEqual(await textOf(store, taskUid), [])
  t.like(warnings[0]?.fields, { agentId, why: 'ForeignTask', count: 3 })
  t.like((await store.audit(0, 10))[0], { user: `agent:${agentId}`, decision: 'deny', result: 'ForeignTask', name: taskUid })
  t.true((await store.verifyAudit()).ok)
})

test('a machine that got a new identity is not reached by the old one any more', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  await store.applyEvents(agentId, events(taskUid, 1, [body.started]))
  await store.transact([{ op: 'update', object: object('Machine', 'a', {}, { agentId: 'agent-new' }) }])
  await store.applyEvents(agentId, events(taskUid, 2, [body.finished('Failed')]))
  t.is(taskOf(store, taskName).status?.state, 'Running')
  await store.applyEvents('agent-new', events(taskUid, 1, [body.finished('Succeeded')]))
  t.is(taskOf(store, taskName).status?.state, 'Succeeded')
})

test('events that make no sense are passed over and never block the stream', async (t) => {
  const { log, warnings } = collectingLog()
  const { store } = await testStore(t, { log })
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  const deep = '['.repeat(100_000)
  const bad = [
    undefined,
    body.row('{"a":'),
    body.row(deep),
    body.row('{"__proto__":{"isAdmin":true}}'),
    body.row('{"\\u005f_proto__":{"isAdmin":true}}'),
    body.output('x'.repeat(limits.outputChunkBytes + 1)),
    body.started,
  ]
  t.deepEqual(await store.applyEvents(agentId, events(taskUid, 1, bad)), { committedSequence: 7 })
  t.deepEqual(await store.applyEvents(agentId, events('no-such-task', 8, [body.started])), { committedSequence: 8 })
  const { status } = taskOf(store, taskName)
  t.is(status?.state, 'Running')
  t.is(status?.result, undefined)
  t.deepEqual(
    warnings.map(({ fields }) => [fields.why, fields.count]),
    [
      ['BadContent', 6],
      ['UnknownTask', 1],
    ],
  )
})

test('a result that cannot be read does not keep the task from ending', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  await store.applyEvents(agentId, events(taskUid, 1, [body.started, body.finished('Succeeded', '{oops')]))
  const { status } = taskOf(store, taskName)
  t.is(status?.state, 'Succeeded')
  t.regex(status?.message ?? '', /could not be read/)
})

test('events of an older attempt reach only its log, those of a future one nothing', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  await store.transact([
    { op: 'update', object: object('Task', taskName, { machine: 'a', action: 'exec', attempt: 2 }, { state: 'Pending', attempt: 2 }) },
  ])
  await store.applyEvents(agentId, events(taskUid, 1, [body.output('late'), body.finished('Failed')], 1))
  await store.applyEvents(agentId, events(taskUid, 3, [body.output('early'), body.finished('Failed')], 3))
  t.is(taskOf(store, taskName).status?.state, 'Pending')
  t.deepEqual(await textOf(store, taskUid, 1), ['late'])
  t.deepEqual(await textOf(store, taskUid, 3), [])
})

test('a gap of the agent is told in the log and counted', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  await store.applyEvents(agentId, events(taskUid, 1, [body.started, body.gap(12n)]))
  t.is(taskOf(store, taskName).status?.droppedEvents, 12)
  t.regex((await textOf(store, taskUid)).join(''), /12 events were dropped/)
})

test('rows beyond the size of a result are dropped and counted', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  const row = body.row(JSON.stringify('x'.repeat(60_000)))
  for (let i = 0; i < 20; i++) await store.applyEvents(agentId, events(taskUid, i + 1, [i === 0 ? body.started : row]))
  t.true(store.json(taskOf(store, taskName)).length < limits.taskResultBytes + 70_000)
  t.true((taskOf(store, taskName).status?.droppedEvents ?? 0) > 5)
})

test('limits of a batch', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid } = await machineWithTask(store, 'a')
  const many = Array.from({ length: limits.eventBatchCount + 1 }, () => body.output('x'))
  t.is((await store.applyEvents(agentId, events(taskUid, 1, many))).refused, 'Invalid')
  t.is((await store.applyEvents(agentId, events(taskUid, 1, many.slice(1)))).refused, undefined)
  t.is((await store.applyEvents(agentId, events(taskUid, 0, [body.started]))).refused, 'Invalid')
  const huge = Array.from({ length: 20 }, () => body.output('x'.repeat(60_000)))
  t.is((await store.applyEvents(agentId, events(taskUid, 501, huge))).refused, 'Invalid')
})

test('the log of a task goes with the task', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid, taskName } = await machineWithTask(store, 'a')
  await store.applyEvents(agentId, events(taskUid, 1, [body.output('x')]))
  await store.transact([{ op: 'delete', kind: 'Task', name: taskName }])
  t.deepEqual(await textOf(store, taskUid), [])
})

test('a log is read in pieces, and readers are told of new rows', async (t) => {
  const { store } = await testStore(t)
  const { agentId, taskUid } = await machineWithTask(store, 'a')
  const told: string[] = []
  const listener = store.onTaskLog((uid) => told.push(uid))
  await store.applyEvents(agentId, events(taskUid, 1, [body.output('aaaa'), body.output('bbbb'), body.output('cccc')]))
  t.deepEqual(told, [taskUid])
  const first = await store.taskLog(taskUid, 1, 0, 8)
  t.deepEqual(
    first.map((row) => row.data.toString()),
    ['aaaa', 'bbbb'],
  )
  t.deepEqual(await textOf(store, taskUid, 1, first.at(-1)?.sequence), ['cccc'])
  t.is((await store.taskLog(taskUid, 1, 0, 1)).length, 1)
  listener.close()
})

test('batches of many agents at once keep each stream whole', async (t) => {
  const { store } = await testStore(t)
  const owners = []
  for (let i = 0; i < 20; i++) owners.push(await machineWithTask(store, `m${i}`))
  await Promise.all(
    owners.map(async ({ agentId, taskUid }) => {
      for (let i = 0; i < 10; i++)
        await store.applyEvents(agentId, events(taskUid, i * 3 + 1, [body.output('a'), body.output('b'), body.output('c')]))
    }),
  )
  for (const { taskUid } of owners) t.is((await textOf(store, taskUid)).join(''), 'abc'.repeat(10))
})
