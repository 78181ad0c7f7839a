import test from 'ava'
import type { ActionContext } from '#agent/actions/types.ts'
import { ActionError } from '#agent/actions/types.ts'
import { OrderOutcome } from '#proto/moorline/v1/control.ts'
import { until } from '#test/helpers/until.ts'
import { agentFixture } from './fixture.ts'

/** An action that waits to be released, or for its signal. */
function held() {
  const gate = Promise.withResolvers<unknown>()
  const started: ActionContext[] = []
  return {
    started,
    release: gate.resolve,
    run: (_input: unknown, context: ActionContext) => {
      started.push(context)
      return Promise.race([
        gate.promise,
        new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true })),
      ])
    },
  }
}

test('what an action says arrives in order: start, output, progress, rows, end', async (t) => {
  const { runner, hub, history } = await agentFixture(t, {
    actions: {
      preflight: {
        async run(_input, context) {
          context.progress(10, 'begins')
          context.row({ id: 'Swap', outcome: 'pass' })
          context.output('system', 'a word\n')
          context.progress(150, 'too much')
          return { rows: [1] }
        },
      },
    },
  })
  await runner.accept(hub.task({ action: 'preflight' }))
  await until('its end', () => history().end)
  t.deepEqual(history().kinds, ['started', 'progress', 'row', 'output', 'progress', 'finished'])
  t.deepEqual(history().result, { rows: [1] })
  t.is(history().system, 'a word\n')
})

test('a failure keeps its reason and result; one without a reason is the action’s', async (t) => {
  const { runner, hub, history } = await agentFixture(t, {
    actions: {
      facts: {
        run: async () => {
          throw new ActionError('NoDisk', 'there is no disk', { disks: 0 })
        },
      },
      preflight: {
        run: async () => {
          throw new Error('broke')
        },
      },
    },
  })
  await runner.accept(hub.task({ taskUid: 'named' }))
  await runner.accept(hub.task({ taskUid: 'unnamed', action: 'preflight' }))
  await until('both ends', () => history('named').end && history('unnamed').end)
  t.like(history('named').end, { state: 'Failed', reason: 'NoDisk', message: 'there is no disk' })
  t.deepEqual(history('named').result, { disks: 0 })
  t.like(history('unnamed').end, { state: 'Failed', reason: 'ActionFailed', message: 'broke' })
})

test('at most four run at once, and of those that change the machine one; readers pass a waiting writer', async (t) => {
  const reader = held()
  const writer = held()
  const { runner, hub } = await agentFixture(t, { actions: { facts: { run: reader.run }, exec: { run: writer.run } } })
  for (let index = 0; index < 3; index++) await runner.accept(hub.task({ taskUid: `w${index}`, action: 'exec' }, { command: ['true'] }))
  for (let index = 0; index < 5; index++) await runner.accept(hub.task({ taskUid: `r${index}` }))
  await until('four to run', () => reader.started.length + writer.started.length === 4)
  t.is(writer.started.length, 1)
  t.is(reader.started.length, 3)
  t.is(runner.running(), 8)
  reader.release({})
  await until('all readers', () => reader.started.length === 5)
  t.is(writer.started.length, 1)
  writer.release({})
  await until('everything to end', () => runner.running() === 0)
  t.is(writer.started.length, 3)
})

test('a cancel ends what runs, once, and a second cancel is only acknowledged', async (t) => {
  const action = held()
  const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: action.run } } })
  await runner.accept(hub.task())
  await until('the start', () => action.started.length === 1)
  const first = await runner.cancel(hub.cancel({}))
  const second = await runner.cancel(hub.cancel({}))
  await until('its end', () => history().end)
  t.is(first.outcome, OrderOutcome.ACCEPTED)
  t.is(second.outcome, OrderOutcome.DUPLICATE)
  t.like(history().end, { state: 'Canceled' })
  t.is(history().ends.length, 1)
})

test('a cancel that races with the end leaves exactly one end, whoever wins', async (t) => {
  for (let round = 0; round < 20; round++) {
    const action = held()
    const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: action.run } } })
    await runner.accept(hub.task())
    await until('the start', () => action.started.length === 1)
    const order = hub.cancel({})
    if (round % 2) {
      action.release({})
      await runner.cancel(order)
    } else {
      const canceled = runner.cancel(order)
      action.release({})
      await canceled
    }
    await until('the end', () => runner.running() === 0)
    t.is(history().ends.length, 1)
    t.true(['Succeeded', 'Canceled'].includes(history().end?.state ?? ''))
  }
})

test('a task that waits for its turn is canceled without having started', async (t) => {
  const action = held()
  const { runner, hub, history } = await agentFixture(t, { maxConcurrent: 1, actions: { facts: { run: action.run } } })
  await runner.accept(hub.task({ taskUid: 'runs' }))
  await runner.accept(hub.task({ taskUid: 'waits' }))
  await runner.cancel(hub.cancel({ taskUid: 'waits' }))
  await until('its end', () => history('waits').end)
  t.deepEqual(history('waits').kinds, ['finished'])
  t.is(action.started.length, 1)
})

test('a cancel that overtakes its order ends the task, and the late order is a duplicate', async (t) => {
  let runs = 0
  const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: async () => ++runs } } })
  t.is((await runner.cancel(hub.cancel({}))).outcome, OrderOutcome.ACCEPTED)
  t.is((await runner.accept(hub.task())).outcome, OrderOutcome.DUPLICATE)
  t.like(history().end, { state: 'Canceled' })
  t.is(history().ends.length, 1)
  t.is(runs, 0)
})

test('a cancel that is forged, foreign or expired does nothing', async (t) => {
  const action = held()
  const { runner, hub } = await agentFixture(t, { actions: { facts: { run: action.run } } })
  await runner.accept(hub.task())
  await until('the start', () => action.started.length === 1)
  t.is((await runner.cancel({ ...hub.cancel({}), signature: Buffer.alloc(64) })).reason, 'BadSignature')
  t.is((await runner.cancel(hub.cancel({ agentId: 'other' }))).reason, 'WrongAgent')
  t.is((await runner.cancel(hub.cancel({ notAfter: new Date(0) }))).reason, 'Expired')
  t.is((await runner.cancel(hub.task())).reason, 'BadOrder')
  t.false(action.started[0]?.signal.aborted)
})

test('the timeout ends it as TimedOut', async (t) => {
  const action = held()
  const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: action.run } } })
  await runner.accept(hub.task({ timeoutMs: 30n }))
  await until('its end', () => history().end)
  t.like(history().end, { state: 'TimedOut', reason: 'TimedOut' })
})

test('a higher attempt ends the one before it and runs after it', async (t) => {
  const action = held()
  const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: action.run } } })
  await runner.accept(hub.task())
  await until('the start', () => action.started.length === 1)
  t.is((await runner.accept(hub.task({ attempt: 2 }))).outcome, OrderOutcome.ACCEPTED)
  await until('the second start', () => action.started.length === 2)
  t.like(history('task-1', 1).end, { state: 'Canceled' })
  action.release({ ok: true })
  await until('its end', () => history('task-1', 2).end)
  t.like(history('task-1', 2).end, { state: 'Succeeded' })
})

test('a result over its limit is said so instead of sent', async (t) => {
  const { runner, hub, history } = await agentFixture(t, { actions: { facts: { run: async () => 'x'.repeat(600_000) } } })
  await runner.accept(hub.task())
  await until('its end', () => history().end)
  t.like(history().end, { state: 'Failed', reason: 'ResultTooLarge' })
})

test('stopping the agent ends nothing: what can run again does after the start', async (t) => {
  const action = held()
  const first = await agentFixture(t, { actions: { facts: { run: action.run } } })
  await first.runner.accept(first.hub.task())
  await until('the start', () => action.started.length === 1)
  const second = await first.restart()
  await until('the second start', () => action.started.length === 2)
  t.is(second.history().end, undefined)
  action.release({ ok: true })
  await until('its end', () => second.history().end)
  t.like(second.history().end, { state: 'Succeeded' })
  t.regex(second.history().system, /runs again/)
  t.deepEqual(second.history().kinds.filter((kind) => kind === 'started').length, 2)
})

test('stopping the agent while a program runs makes it Interrupted, never success and never twice', async (t) => {
  const first = await agentFixture(t)
  await first.runner.accept(first.hub.task({ action: 'exec' }, { command: ['sleep', '60'] }))
  await until('the process', () => (first.journal.order('task-1', 1)?.mark?.pid ?? 0) > 0)
  const pid = first.journal.order('task-1', 1)?.mark?.pid ?? 0
  const second = await first.restart()
  await until('its end', () => second.history().end)
  t.like(second.history().end, { state: 'Failed', reason: 'Interrupted' })
  t.is(second.history().ends.length, 1)
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
