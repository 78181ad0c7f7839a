// F-24: an agent with a valid identity that says whatever it likes. It harms nobody but itself, and the audit log has it.
import test from 'ava'
import { status } from '@grpc/grpc-js'
import type { NatsConnection } from 'nats'
import { emptyMetadata, type ServiceError } from '#agent/link/grpc.ts'
import type { Identity } from '#agent/link/types.ts'
import { type Event, EventBatch, Hello, OrderAck, OrderOutcome } from '#proto/moorline/v1/control.ts'
import { BackfillServiceClient, IdentityServiceClient, type BackfillResponse } from '#proto/moorline/v1/procedures.ts'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import type { Task } from '#shared/contract/task.ts'
import { fromAgent, toAgent } from '#shared/contract/subjects.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { auditRows, checkFleet } from './invariants.ts'
import { createOwner, type ClosableOwner } from './owner.ts'
import { enrolled, natsOf, proceduresOf, sayHello, sendEvents } from './wire.ts'

let fleet: Fleet
let owner: ClosableOwner
let mallory: Identity
let nats: NatsConnection
test.before(async () => {
  owner = createOwner()
  fleet = await startFleet({ agents: 2 })
  mallory = await enrolled(fleet)
  nats = await natsOf(fleet, mallory)
  await sayHello(nats, mallory)
})
test.after.always(async () => {
  await nats?.close()
  await owner?.close()
  await fleet?.close()
})
// After each attack: the others have not noticed, and nothing that holds has been broken.
test.afterEach(async (t) => {
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
})

const victim = () => fleet.agents[0] as FleetAgent
const victimId = () => victim().machine.status?.agentId ?? ''
const auditOf = async (result: string) =>
  (await auditRows(fleet.client())).filter((row) => row.result === result && row.user === `agent:${mallory.agentId}`)
const audited = (result: string, count = 1) => until(`${count} audit rows ${result}`, async () => (await auditOf(result)).length >= count)
const event = (sequence: bigint, taskUid: string, body: Event['body']): Event => ({ sequence, taskUid, attempt: 1, at: new Date(), body })
const success = {
  $case: 'finished' as const,
  value: { state: 'Succeeded', reason: '', message: 'forged', resultJson: Buffer.from('{"forged":true}') },
}
const violations = async (connection: NatsConnection): Promise<string[]> => {
  const errors: string[] = []
  void (async () => {
    for await (const { type, data } of connection.status()) if (type === 'error') errors.push(String(data))
  })()
  return errors
}

/** A task of the victim that it holds for as long as the test wants. */
async function longTask(name: string): Promise<Task> {
  const spec = { machine: victim().machine.metadata.name, action: 'exec', input: { command: ['sleep', '60'] } }
  const body = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Task', metadata: { name }, spec }
  await fleet.client().ask('POST', `${kindPath}/tasks`, { body })
  return until('the task to run', async () => {
    const task = await taskNow(name)
    const isSettled = task.status?.conditions?.some(({ type, reason }) => type === 'Waiting' && reason === 'Running')
    return task.status?.state === 'Running' && isSettled && task
  })
}
const taskNow = async (name: string) => (await fleet.client().ask('GET', `${kindPath}/tasks/${name}`)).json<Task>()
const cancel = (name: string) => fleet.client().ask('POST', `${kindPath}/tasks/${name}/cancel`, { body: {} })

test.serial('F-24: publishing as another agent, as the hub or to the system does nothing, and is audited', async (t) => {
  const errors = await violations(nats)
  const hello = Hello.encode(Hello.fromPartial({ protocolVersion: 99, sessionId: 'forged' })).finish()
  const ack = OrderAck.encode(OrderAck.fromPartial({ taskUid: 'x', attempt: 1, outcome: OrderOutcome.ACCEPTED })).finish()
  const forged: [string, Uint8Array][] = [
    [fromAgent.hello(victimId()), hello],
    [fromAgent.events(victimId()), EventBatch.encode({ events: [event(1n, 'x', success)] }).finish()],
    [fromAgent.reply(victimId(), 'a'.repeat(32)), ack],
    [toAgent.task(victimId()), Buffer.from('order')],
    [toAgent.cancel(victimId()), Buffer.from('order')],
    [toAgent.notice(victimId()), Buffer.from([10, 9, ...Buffer.from('SendHello')])],
    [toAgent.task(mallory.agentId), Buffer.from('order')],
    ['$SYS.REQ.CLAIMS.UPDATE', Buffer.from('jwt')],
    ['$JS.API.INFO', Buffer.alloc(0)],
    ['_INBOX.anybody', Buffer.alloc(0)],
  ]
  for (const [subject, data] of forged) nats.publish(subject, data, { reply: `${toAgent.inboxPrefix(mallory.agentId)}.1` })
  await until('the server to refuse each', () => errors.filter((error) => error.includes('PERMISSIONS')).length >= forged.length)
  await audited('PermissionViolation')
  t.true(victim().agent.program().isRunning())
  t.false(victim().agent.program().stdout().includes('forged'))
})

test.serial('F-24: subscribing to others, to everything, to inboxes and to the system is denied, and is audited', async (t) => {
  const subjects = [
    '>',
    '*.>',
    'hub.>',
    'fleet.>',
    'hub.*.task',
    `hub.${victimId()}.>`,
    `fleet.${victimId()}.>`,
    '_INBOX.>',
    '$SYS.>',
    '$JS.>',
    '_R_.>',
  ]
  const heard: string[] = []
  for (const subject of subjects) {
    const connection = await natsOf(fleet, mallory)
    const code = await new Promise((resolve) =>
      connection.subscribe(subject, { callback: (error, message) => (error ? resolve(error.code) : heard.push(message.subject)) }),
    )
    t.is(code, 'PERMISSIONS_VIOLATION', subject)
    await connection.close()
  }
  t.deepEqual(heard, [])
  await audited('PermissionViolation', 2)
})

test.serial('F-24: events about another machine’s task change nothing and are audited, by NATS and by backfill', async (t) => {
  const task = await longTask('held-by-the-victim')
  const uid = task.metadata.uid ?? ''
  const before = await taskNow(task.metadata.name)
  const output = { $case: 'output' as const, value: { stream: 'stdout', data: Buffer.from('forged') } }
  t.is((await sendEvents(nats, mallory, [event(1n, uid, output), event(2n, uid, success)])).committedSequence, 2n)
  const backfill = proceduresOf(owner, fleet, mallory)
    .client(BackfillServiceClient)
    .backfill(emptyMetadata(), { deadline: Date.now() + 15_000 })
  const answered = new Promise<BackfillResponse>((resolve, reject) => {
    backfill.once('data', resolve)
    backfill.once('error', reject)
  })
  backfill.write({ batch: { events: [event(3n, uid, output), event(4n, uid, success)] } })
  t.is((await answered).ack?.committedSequence, 4n)
  backfill.end()
  t.deepEqual((await taskNow(task.metadata.name)).status, before.status)
  t.is((await fleet.client().ask('GET', `${kindPath}/tasks/${task.metadata.name}/log`)).text, '')
  await audited('ForeignTask', 2)
  await cancel(task.metadata.name)
})

test.serial('F-24: a request whose answer would go to another agent is not answered, and is audited', async (t) => {
  const heard: string[] = []
  const spy = await enrolled(fleet)
  const spyNats = await natsOf(fleet, spy)
  spyNats.subscribe(`hub.${spy.agentId}.>`, { callback: (_, message) => void heard.push(message.subject) })
  await spyNats.flush()
  const hello = Hello.encode(Hello.fromPartial({})).finish()
  for (const reply of [
    toAgent.task(spy.agentId),
    toAgent.cancel(spy.agentId),
    toAgent.notice(spy.agentId),
    `${toAgent.inboxPrefix(spy.agentId)}.x`,
    toAgent.task(victimId()),
  ])
    for (const name of ['hello', 'heartbeat', 'events'] as const) nats.publish(fromAgent[name](mallory.agentId), hello, { reply })
  await sayHello(nats, mallory)
  await spyNats.flush()
  t.deepEqual(heard, [])
  await audited('ForeignReplySubject', 15)
  await spyNats.close()
})

test.serial('F-24: the JWT of one agent with the certificate of another is refused, and is audited', async (t) => {
  const other = await enrolled(fleet)
  await t.throwsAsync(natsOf(fleet, mallory, { natsUserJwt: other.natsUserJwt, natsSeed: other.natsSeed }))
  await audited('ForeignJwt')
})

test.serial('F-24: ids with separators, wildcards and line ends are refused where they appear', async (t) => {
  let sequence = (await sayHello(nats, mallory)).committedSequence
  for (const id of ['a.b', '*', '>', 'a\r\nPUB x 0\r\n', 'a\nb', '../../hub.db', 'a\0b', '', 'x'.repeat(5_000)]) {
    const ack = await sendEvents(nats, mallory, [event(++sequence, id, success)])
    t.is(ack.refused, 'Invalid', JSON.stringify(id))
    sequence--
    const hello = await sayHello(nats, mallory, { sessionId: id, bootId: id, agentVersion: id, allowedActions: [id] })
    t.true(hello.accepted || ['InvalidHello', 'Invalid'].includes(hello.reason))
  }
  await audited('MalformedMessage')
  const { text } = await fleet.client().ask('GET', `${kindPath}/machines/${mallory.machineName}`)
  t.notRegex(text, /[\0-\x08\x0b-\x1f]/)
  await sayHello(nats, mallory)
})

test.serial('F-24: an answer to an order that was not asked for, or about another task, moves nothing', async (t) => {
  // The order for its own task is answered as if it were about the victim's.
  const task = await longTask('asked-of-the-victim')
  const verdict = ({ status }: Task) => ({ state: status?.state, agent: status?.agentId, reason: status?.reason, result: status?.result })
  const before = verdict(await taskNow(task.metadata.name))
  nats.subscribe(toAgent.task(mallory.agentId), {
    callback: (_, message) =>
      message.respond(
        OrderAck.encode(
          OrderAck.fromPartial({ taskUid: task.metadata.uid, attempt: 1, outcome: OrderOutcome.REFUSED, reason: 'Forged' }),
        ).finish(),
      ),
  })
  await nats.flush()
  const spec = { machine: mallory.machineName, action: 'exec', input: { command: ['true'] } }
  await fleet.client().ask('POST', `${kindPath}/tasks`, {
    body: { apiVersion: 'moorline.dev/v1alpha1', kind: 'Task', metadata: { name: 'for-mallory' }, spec },
  })
  for (let id = 0; id < 50; id++) nats.publish(fromAgent.reply(mallory.agentId, String(id).padStart(32, '0')), Buffer.from([24, 1]))
  await until('the answer to be used', async () => (await taskNow('for-mallory')).status?.state === 'Failed')
  t.deepEqual(verdict(await taskNow(task.metadata.name)), before)
  await cancel(task.metadata.name)
})

test.serial('F-24: enrolment’s door serves nothing else, and the procedures want a certificate', async (t) => {
  const stranger = { ...mallory, cert: '', key: '' }
  const { csr, natsPublicKey } = publicHalf(createKeys())
  const code = await new Promise<number>((resolve) =>
    proceduresOf(owner, fleet, stranger)
      .client(IdentityServiceClient)
      .renew(
        { csr, natsPublicKey, machineFingerprint: '' },
        emptyMetadata(),
        { deadline: Date.now() + 15_000 },
        (error: ServiceError | null) => resolve(error?.code ?? 0),
      ),
  )
  t.is(code, status.UNAVAILABLE)
})
