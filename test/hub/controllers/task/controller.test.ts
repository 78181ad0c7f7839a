import test from 'ava'
import type { ExecutionContext } from 'ava'
import { createTaskController, type TaskControllerDeps } from '#hub/controllers/task/controller.ts'
import { type Event, Order, type OrderAck, OrderOutcome, type SignedOrder } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { findCondition, setCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { silentLog } from '#shared/log/log.ts'
import { machine, testResources } from '#test/hub/resources/support.ts'
import { until } from '#test/helpers/until.ts'

const { ACCEPTED, DUPLICATE, REFUSED, UNSPECIFIED } = OrderOutcome
type Answer = (kind: 'task' | 'cancel', ack: OrderAck, call: number) => OrderAck | Promise<OrderAck>

/** The real store and resources; the agent is what `answer` says. */
async function fixture(t: ExecutionContext, answer: Answer = (_kind, ack) => ack, options: Partial<TaskControllerDeps> = {}) {
  const { resources, store } = await testResources(t)
  const sent: { agentId: string; kind: 'task' | 'cancel'; taskUid: string; attempt: number; order: Order }[] = []
  let behaviour = answer
  const signer = {
    sign: (payload: Uint8Array): SignedOrder => ({ payload: Buffer.from(payload), signature: Buffer.alloc(64), keyId: 'k' }),
  }
  const gateway = {
    async sendOrder(agentId: string, kind: 'task' | 'cancel', signed: SignedOrder): Promise<OrderAck> {
      const order = Order.decode(signed.payload)
      const { taskUid = '', attempt = 0 } = order.order?.value ?? {}
      sent.push({ agentId, kind, taskUid, attempt, order })
      return behaviour(kind, { taskUid, attempt, outcome: ACCEPTED, reason: '', message: '' }, sent.length)
    },
  }
  // The store's clock is set by the test; waits are real.
  const clock = { ...systemClock, now: () => new Date('2030-01-02T03:04:06Z') }
  const build = () => createTaskController({ resources, gateway, signer, clock, random: () => 0, log: silentLog, ...options })
  let controller = build()
  t.teardown(() => controller.stop())
  const setMachine = (name: string, status: 'True' | 'False', agentId = `agent-of-${name}`) =>
    resources.modify<Machine>(
      'Machine',
      name,
      (current) => {
        const connected = { type: 'Connected', status, reason: status === 'True' ? 'Heartbeat' : 'HeartbeatLost', message: '' }
        return {
          ...current,
          status: { ...current.status, agentId, conditions: setCondition(current.status?.conditions, connected, new Date()) },
        }
      },
      { subresource: 'status' },
    )
  const addMachine = async (name: string, status: 'True' | 'False' = 'True') => {
    await resources.create('Machine', machine(name, { approved: true }))
    await setMachine(name, status)
  }
  const addTask = (name: string, spec: object = {}) =>
    resources.create<Task>('Task', { metadata: { name }, spec: { machine: 'm', action: 'facts', ...spec } })
  const get = (name: string) => resources.get<Task>('Task', name) as Task
  const state = (name: string) => get(name).status?.state
  let sequence = 0
  const report = async (name: string, ...bodies: Event['body'][]) => {
    const { metadata, status } = get(name)
    const events = bodies.map((body) => ({
      sequence: BigInt(++sequence),
      taskUid: metadata.uid ?? '',
      attempt: status?.attempt ?? 1,
      at: new Date(),
      body,
    }))
    t.is((await store.applyEvents('agent-of-m', events)).refused, undefined)
  }
  return {
    resources,
    sent,
    addMachine,
    addTask,
    setMachine,
    get,
    state,
    report,
    start: () => controller.start(),
    behave: (next: Answer) => void (behaviour = next),
    async restart() {
      await controller.stop()
      controller = build()
      controller.start()
    },
    condition: (name: string, type: string) => findCondition(get(name).status?.conditions, type),
  }
}
const started = { $case: 'started', value: {} } as const
const finished = { $case: 'finished', value: { state: 'Succeeded', reason: '', message: '', resultJson: Buffer.from('{"a":1}') } } as const

test('a task goes to its machine, and its conditions follow it to the end', async (t) => {
  const { start, addMachine, addTask, state, sent, report, condition, get } = await fixture(t)
  start()
  await addMachine('m')
  await addTask('one')
  await until('it to be delivered', () => state('one') === 'Delivered')
  t.like(sent[0], { agentId: 'agent-of-m', kind: 'task', taskUid: get('one').metadata.uid, attempt: 1 })
  t.is(sent.length, 1)
  t.like(condition('one', 'Delivered'), { status: 'True' })
  await report('one', started)
  await until('the condition', () => condition('one', 'Waiting')?.reason === 'Running')
  await report('one', finished)
  await until('the end', () => condition('one', 'Finished')?.status === 'True')
  t.like(get('one').status, { state: 'Succeeded', result: { a: 1 } })
  t.is(condition('one', 'Waiting'), undefined)
  t.is(sent.length, 1)
})

test('an order carries what was asked, an end of validity and a nonce of its own', async (t) => {
  const { start, addMachine, addTask, state, sent } = await fixture(t)
  start()
  await addMachine('m')
  await addTask('one', { action: 'exec', input: { command: ['true'] }, timeoutSeconds: 9 })
  await addTask('two')
  await until('both', () => state('one') === 'Delivered' && state('two') === 'Delivered')
  const values = sent.map(({ order }) => (order.order?.$case === 'task' ? order.order.value : undefined))
  t.like(values[0], { agentId: 'agent-of-m', action: 'exec', timeoutMs: 9_000n, inputJson: Buffer.from('{"command":["true"]}') })
  t.is(values[0]?.notAfter?.toISOString(), '2030-01-02T03:14:06.000Z')
  t.is(new Set(values.map((value) => value?.nonce)).size, 2)
})

test('a machine that comes back is sent what waits for it, in order', async (t) => {
  const { start, addMachine, addTask, setMachine, sent, state, get, condition } = await fixture(t)
  start()
  await addMachine('m', 'False')
  for (const name of ['a', 'b', 'c']) await addTask(name)
  await until('the reason', () => condition('c', 'Waiting')?.reason === 'AgentDisconnected')
  t.is(sent.length, 0)
  await setMachine('m', 'True')
  await until('all', () => state('c') === 'Delivered')
  t.deepEqual(
    sent.map(({ taskUid }) => taskUid),
    ['a', 'b', 'c'].map((name) => get(name).metadata.uid),
  )
})

test('no answer, an answer about another task and an agent that cannot take it now are asked again; a copy is as good as the first', async (t) => {
  const { start, addMachine, addTask, state, sent } = await fixture(t, (_kind, ack, call) => {
    if (call === 1) throw new Error('no answer in 5 s')
    if (call === 2) return { ...ack, taskUid: 'another' }
    if (call === 3) return { ...ack, outcome: UNSPECIFIED, reason: 'JournalUnavailable', message: 'disk full' }
    if (call === 4) return { ...ack, outcome: REFUSED, reason: 'UnknownSigningKey', message: '' }
    return { ...ack, outcome: DUPLICATE }
  })
  start()
  await addMachine('m')
  await addTask('one')
  await until('it to be delivered', () => state('one') === 'Delivered')
  t.is(sent.length, 5)
})

test('while an agent does not take it, the task says why', async (t) => {
  const { start, addMachine, addTask, condition } = await fixture(
    t,
    (_kind, ack) => ({ ...ack, outcome: UNSPECIFIED, reason: 'JournalUnavailable', message: 'its disk is full' }),
    { random: () => 0.99 },
  )
  start()
  await addMachine('m')
  await addTask('one')
  await until('the reason', () => condition('one', 'Waiting')?.reason === 'JournalUnavailable')
  t.regex(condition('one', 'Waiting')?.message ?? '', /its disk is full/)
})

test('what the machine refuses is Failed with its reason; a reason that is no word is not taken over', async (t) => {
  const { start, addMachine, addTask, state, get, sent } = await fixture(t, (_kind, ack, call) => ({
    ...ack,
    outcome: REFUSED,
    reason: call === 1 ? 'ActionNotAllowed' : '<script>',
    message: 'not here',
  }))
  start()
  await addMachine('m')
  await addTask('one')
  await until('the end', () => state('one') === 'Failed')
  await addTask('two')
  await until('the end', () => state('two') === 'Failed')
  t.like(get('one').status, { reason: 'ActionNotAllowed', message: 'not here' })
  t.like(get('two').status, { reason: 'Refused' })
  t.is(sent.length, 2)
})

test('events that overtake the acknowledgement are not undone by it', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { start, addMachine, addTask, state, report, sent } = await fixture(t, async (_kind, ack) => {
    await gate.promise
    return ack
  })
  start()
  await addMachine('m')
  await addTask('one')
  await until('the send', () => sent.length === 1)
  await report('one', started, finished)
  gate.resolve()
  await until('the end', () => state('one') === 'Succeeded')
  await addTask('two')
  await until('the next', () => state('two') === 'Delivered')
  t.is(state('one'), 'Succeeded')
})

test('after a restart of the hub what was perhaps sent is sent again, what was delivered is not', async (t) => {
  const { start, restart, addMachine, addTask, state, sent, behave } = await fixture(
    t,
    () => {
      throw new Error('no answer')
    },
    { random: () => 0.99 },
  )
  start()
  await addMachine('m')
  await addTask('one')
  await until('the first send', () => sent.length === 1)
  behave((_kind, ack) => ack)
  await restart()
  await until('it to be delivered', () => state('one') === 'Delivered')
  const sends = sent.length
  await restart()
  await addTask('two')
  await until('the next', () => state('two') === 'Delivered')
  t.is(sent.length, sends + 1)
})

test('a cancel reaches the agent until it is acknowledged once, and the agent’s word ends it', async (t) => {
  const { start, addMachine, addTask, state, sent, resources, report } = await fixture(t, (kind, ack, call) => {
    if (kind === 'cancel' && call < 4) throw new Error('no answer')
    return ack
  })
  start()
  await addMachine('m')
  await addTask('one')
  await until('it to be delivered', () => state('one') === 'Delivered')
  await resources.modify<Task>('Task', 'one', (current) => ({ ...current, spec: { ...current.spec, cancel: true } }))
  await until('the cancel to be taken', () => sent.filter(({ kind }) => kind === 'cancel').length === 3)
  t.is(state('one'), 'Delivered')
  await report('one', { $case: 'finished', value: { state: 'Canceled', reason: 'Canceled', message: '', resultJson: Buffer.alloc(0) } })
  await until('the end', () => state('one') === 'Canceled')
  t.is(sent.length, 4)
})

test('a cancel of what was never sent ends it without the machine', async (t) => {
  const { start, addMachine, addTask, state, sent } = await fixture(t)
  start()
  await addMachine('m', 'False')
  await addTask('one', { cancel: true })
  await until('the end', () => state('one') === 'Canceled')
  t.is(sent.length, 0)
})

test('a raised attempt runs again with nothing of the first', async (t) => {
  const { start, addMachine, addTask, sent, resources, report, get, state } = await fixture(t)
  start()
  await addMachine('m')
  await addTask('one')
  await until('it to be delivered', () => state('one') === 'Delivered')
  await report('one', started, finished)
  await until('the end', () => state('one') === 'Succeeded')
  await resources.modify<Task>('Task', 'one', (current) => ({ ...current, spec: { ...current.spec, attempt: 2 } }))
  await until('the second delivery', () => get('one').status?.attempt === 2 && state('one') === 'Delivered')
  t.is(sent[1]?.attempt, 2)
  t.is(get('one').status?.result, undefined)
})

test('a deleted task that was sent is canceled on its machine', async (t) => {
  const { start, addMachine, addTask, sent, resources, state } = await fixture(t)
  start()
  await addMachine('m')
  await addTask('one')
  await until('it to be delivered', () => state('one') === 'Delivered')
  await resources.delete('Task', 'one')
  await until('the cancel', () => sent[1]?.kind === 'cancel')
  t.is(sent[1]?.taskUid, sent[0]?.taskUid)
})

test('a machine whose agent does not answer holds up no other', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { start, addMachine, addTask, state } = await fixture(t, async (_kind, ack, call) => {
    if (call === 1) await gate.promise
    return ack
  })
  start()
  await addMachine('m')
  await addMachine('n')
  await addTask('stuck')
  await addTask('other', { machine: 'n' })
  await until('the other', () => state('other') === 'Delivered')
  t.is(state('stuck'), 'Pending')
  gate.resolve()
  await until('it to be delivered', () => state('stuck') === 'Delivered')
})

test('old finished tasks are deleted by the sweep', async (t) => {
  const { start, addMachine, addTask, report, resources, state } = await fixture(t, undefined, {
    cleanUp: { keepPerMachine: 1, keepMs: -(10 ** 13) },
    cleanUpIntervalMs: 50,
  })
  start()
  await addMachine('m')
  for (const name of ['a', 'b', 'c']) {
    await addTask(name)
    await until('it to be delivered', () => state(name) === 'Delivered')
    await report(name, started, finished)
  }
  await until('one to be left', () => resources.list('Task').items.length === 1)
})
