// F-13: every class of message twice, late, out of order and again from long ago. Somebody inside the NATS server copies whatever
// passes and says it again; an agent made of an identity alone does the same with what it sends itself.
import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import type { Msg, NatsConnection } from 'nats'
import { emptyMetadata, type ServiceError } from '#agent/link/grpc.ts'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { type Event, Heartbeat, HeartbeatAck, Hello, HelloReply, Notice, OrderAck, OrderOutcome } from '#proto/moorline/v1/control.ts'
import { BackfillServiceClient, type BackfillResponse, IdentityServiceClient, type RenewResponse } from '#proto/moorline/v1/procedures.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { Task } from '#shared/contract/task.ts'
import { fromAgent, toAgent } from '#shared/contract/subjects.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { enrolled, natsOf, proceduresOf, sayHello, sendEvents, tapNats } from './wire.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 2 })
})
test.after.always(() => fleet?.close())

const taskNow = async (name: string) => (await fleet.client().ask('GET', `${kindPath}/tasks/${name}`)).json<Task>()
const give = async (machine: string, name: string, command: string[]) => {
  const body = {
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'Task',
    metadata: { name },
    spec: { machine, action: 'exec', input: { command } },
  }
  return (await fleet.client().ask('POST', `${kindPath}/tasks`, { body })).json<Task>()
}

/** Numbers in [0, 1) that a seed repeats. */
function seeded(t: ExecutionContext): () => number {
  let state = Number(process.env.MOORLINE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`MOORLINE_TEST_SEED=${state}`)
  return () => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x80000000
}

/** Repeats what passes as `how` says; what it has heard, in order. */
function repeat(tap: NatsConnection, how: (message: Msg, again: () => void) => void): Msg[] {
  const heard: Msg[] = []
  for (const subject of ['fleet.>', 'hub.*.task', 'hub.*.cancel', 'hub.*.notice'])
    tap.subscribe(subject, {
      callback: (error, message) => {
        if (error) return
        heard.push(message)
        // What would be late once the tap is closed is not said any more.
        how(message, () => void (tap.isClosed() || tap.publish(message.subject, message.data, { reply: message.reply })))
      },
    })
  return heard
}
/** Says an order to an agent and hears its answer, which it can give under its own subjects only. */
async function say(tap: NatsConnection, subject: string, data: Uint8Array): Promise<OrderAck> {
  const reply = fromAgent.reply(subject.split('.')[1] ?? '', randomBytes(16).toString('hex'))
  const answered = new Promise<Uint8Array>((resolve, reject) =>
    tap.subscribe(reply, { max: 1, timeout: 10_000, callback: (error, message) => (error ? reject(error) : resolve(message.data)) }),
  )
  tap.publish(subject, data, { reply })
  return OrderAck.decode(await answered)
}
const classOf = ({ subject }: Msg) =>
  subject
    .split('.')
    .filter((_, index) => index !== 1)
    .slice(0, 2)
    .join('.')
/** What a client is told of each task, without what any write changes. */
const verdicts = async () => {
  const { items } = (await fleet.client().ask('GET', `${kindPath}/tasks`)).json<{ items: Task[] }>()
  return items.map(({ metadata, status }) => ({
    name: metadata.name,
    state: status?.state,
    reason: status?.reason,
    result: status?.result,
    finishedAt: status?.finishedAt,
    logBytes: status?.logBytes,
  }))
}

test.serial('F-13: every control message comes twice at once, late and out of order, and all of them again at the end', async (t) => {
  const random = seeded(t)
  const tap = await tapNats(fleet)
  const heard = repeat(tap, (_message, again) => {
    again()
    systemClock.setTimer(random() * 300, again, true)
  })
  await tap.flush()
  const [first] = fleet.agents
  const machine = first?.machine.metadata.name ?? ''
  const agentId = first?.machine.status?.agentId ?? ''
  for (let round = 0; round < 6; round++) {
    await fleet.work()
    const name = `canceled-${round}`
    await give(machine, name, ['sleep', '60'])
    if (round % 2 === 0) await until('it to run', async () => (await taskNow(name)).status?.state === 'Running')
    await fleet.client().ask('POST', `${kindPath}/tasks/${name}/cancel`, { body: {} })
  }
  // Hello and notices do not come by themselves while all goes well.
  tap.publish(toAgent.notice(agentId), Notice.encode({ kind: 'SendHello' } as Notice).finish())
  t.deepEqual(await checkFleet(fleet), [])
  await until('the canceled to end', async () =>
    (await verdicts()).every(({ name, state }) => !name.startsWith('canceled') || state === 'Canceled'),
  )
  await until('each class of message', () => new Set(heard.map(classOf)).size >= 6, { timeoutMs: 30_000 })
  t.log([...new Set(heard.map(classOf))].join(' '))
  const before = await verdicts()

  const all = heard.slice().sort(() => random() - 0.5)
  t.log(`${all.length} messages again`)
  for (const { subject, data, reply } of all) tap.publish(subject, data, { reply })
  for (const { subject, data, reply } of heard.slice().reverse()) tap.publish(subject, data, { reply })
  await tap.flush()
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
  const after = await verdicts()
  t.deepEqual(
    after.filter(({ name }) => before.some((old) => old.name === name)),
    before,
  )
  await tap.close()
})

test.serial('F-13: orders replayed to an agent that was restarted, run nothing again', async (t) => {
  const tap = await tapNats(fleet)
  const heard = repeat(tap, () => {})
  await tap.flush()
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
  const orders = heard.filter(({ subject }) => /\.(task|cancel)$/.test(subject))
  t.true(orders.length >= 4)
  for (const each of fleet.agents) {
    await each.agent.kill()
    await each.start()
  }
  t.deepEqual(await checkFleet(fleet), [])
  const outcomes: OrderOutcome[] = []
  for (const { subject, data } of orders) {
    outcomes.push((await say(tap, subject, data)).outcome)
  }
  t.true(outcomes.every((outcome) => outcome === OrderOutcome.DUPLICATE || outcome === OrderOutcome.REFUSED))
  // To the other agent: whose name it does not bear.
  const [one, other] = fleet.agents.map(({ machine }) => machine.status?.agentId ?? '')
  for (const { subject, data } of orders) {
    const wrong = subject.includes(one ?? '') ? other : one
    t.is((await say(tap, toAgent.task(wrong ?? ''), data)).outcome, OrderOutcome.REFUSED)
  }
  t.deepEqual(await checkFleet(fleet), [])
  await tap.close()
})

test.serial('F-13: an agent’s events in any pieces, order and number, by both planes, have one outcome', async (t) => {
  const random = seeded(t)
  const identity = await enrolled(fleet)
  const nats = await natsOf(fleet, identity)
  nats.subscribe(toAgent.task(identity.agentId), {
    callback: (_, message) => message.respond(OrderAck.encode(OrderAck.fromPartial({ outcome: OrderOutcome.UNSPECIFIED })).finish()),
  })
  await sayHello(nats, identity)
  const tasks = await Promise.all(['x', 'y', 'z'].map((name) => give(identity.machineName, `pieces-${name}`, ['true'])))
  const events: Event[] = []
  const add = (taskUid: string, body: Event['body']) =>
    void events.push({ sequence: BigInt(events.length + 1), taskUid, attempt: 1, at: new Date(), body })
  for (const { metadata } of tasks) add(metadata.uid ?? '', { $case: 'started', value: {} })
  for (let line = 1; line <= 60; line++) {
    const uid = tasks[line % 3]?.metadata.uid ?? ''
    add(uid, { $case: 'output', value: { stream: 'stdout', data: Buffer.from(`${line};`) } })
    if (line % 10 === 0) add(uid, { $case: 'progress', value: { percent: line, message: `at ${line}` } })
  }
  for (const [index, { metadata }] of tasks.entries())
    add(metadata.uid ?? '', {
      $case: 'finished',
      value: { state: index === 1 ? 'Failed' : 'Succeeded', reason: 'Said', message: '', resultJson: Buffer.from(`{"index":${index}}`) },
    })

  const backfill = proceduresOf({ teardown: (run) => t.teardown(run) }, fleet, identity)
    .client(BackfillServiceClient)
    .backfill(emptyMetadata(), { deadline: Date.now() + 60_000 })
  const waiting: ((response: BackfillResponse) => void)[] = []
  backfill.on('data', (response: BackfillResponse) => waiting.shift()?.(response))
  const byBackfill = (batch: Event[]) =>
    new Promise<bigint>((resolve) => {
      waiting.push(({ ack }) => resolve(ack?.committedSequence ?? 0n))
      backfill.write({ batch: { events: batch } })
    })
  const piece = () => {
    const from = Math.floor(random() * events.length)
    return events.slice(from, from + 1 + Math.floor(random() * 12))
  }
  let committed = 0n
  let rounds = 0
  while (committed < BigInt(events.length)) {
    // Whatever comes, the acknowledgement never goes back and never says what has not come; now and then the right piece is among it.
    const next = events.slice(Number(committed), Number(committed) + 1 + Math.floor(random() * 6))
    const pieces = [piece(), piece(), next, piece(), next].sort(() => random() - 0.5)
    const acks = await Promise.all(
      pieces.map((batch) => (random() < 0.5 ? byBackfill(batch) : sendEvents(nats, identity, batch).then((ack) => ack.committedSequence))),
    )
    const highest = acks.reduce((a, b) => (a > b ? a : b))
    t.true(highest >= committed && highest <= BigInt(events.length))
    committed = highest
    if (++rounds > 500) return void t.fail('no progress')
  }
  backfill.end()
  t.log(`${rounds} rounds`)
  for (const [index, { metadata }] of tasks.entries()) {
    const { status } = await taskNow(metadata.name)
    t.like(status, { state: index === 1 ? 'Failed' : 'Succeeded', reason: 'Said', result: { index } })
    const expected = Array.from({ length: 60 }, (_, line) => line + 1)
      .filter((line) => line % 3 === index)
      .map((line) => `${line};`)
      .join('')
    t.is((await fleet.client().ask('GET', `${kindPath}/tasks/${metadata.name}/log`)).text, expected)
  }
  t.is((await sayHello(nats, identity)).committedSequence, BigInt(events.length))
  await nats.close()
  t.deepEqual(await checkFleet(fleet), [])
})

test.serial('F-13: Hello, heartbeats and renewals again and again, all at once, leave one session and one identity', async (t) => {
  const identity = await enrolled(fleet)
  const nats = await natsOf(fleet, identity)
  await sayHello(nats, identity)
  const hello = Hello.encode(
    Hello.fromPartial({
      protocolVersion: 1,
      agentVersion: 'test',
      machineFingerprint: Buffer.from('wire'.padEnd(32, '.')).toString('hex'),
      sessionId: 'same',
      bootId: 'same',
    }),
  ).finish()
  const beat = (counter: bigint) => Heartbeat.encode(Heartbeat.fromPartial({ counter, planes: [{ name: 'nats', ok: true }] })).finish()
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      if (index % 2 === 0)
        return HelloReply.decode((await nats.request(fromAgent.hello(identity.agentId), hello, { timeout: 10_000 })).data).accepted
      const ack = HeartbeatAck.decode(
        (await nats.request(fromAgent.heartbeat(identity.agentId), beat(BigInt(40 - index)), { timeout: 10_000 })).data,
      )
      return ack.known && ack.counter === BigInt(40 - index)
    }),
  )
  t.deepEqual(new Set(answers), new Set([true]))
  const { csr, natsPublicKey } = publicHalf(createKeys())
  const client = proceduresOf({ teardown: (run) => t.teardown(run) }, fleet, identity).client(IdentityServiceClient)
  const renew = () =>
    new Promise<RenewResponse | ServiceError>((resolve) =>
      client.renew({ csr, natsPublicKey, machineFingerprint: '' }, emptyMetadata(), { deadline: Date.now() + 20_000 }, (error, response) =>
        resolve(error ?? response),
      ),
    )
  const renewals = await Promise.all(Array.from({ length: 6 }, renew))
  t.true(renewals.every((renewal) => 'identity' in renewal && renewal.identity))
  // None of the answers has been used: the old certificate is as good as before.
  const again = await natsOf(fleet, identity)
  t.true((await sayHello(again, identity)).accepted)
  await again.close()
  await nats.close()
})
