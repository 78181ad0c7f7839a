import test from 'ava'
import {
  EventAck,
  EventBatch,
  Heartbeat,
  HeartbeatAck,
  Hello,
  HelloReply,
  OrderAck,
  OrderOutcome,
  SignedOrder,
} from '#proto/moorline/v1/control.ts'
import { EnrollmentServiceClient, EnrollRequest, type EnrollResponse } from '#proto/moorline/v1/procedures.ts'
import { fromAgent, serverNames, toAgent } from '#shared/contract/subjects.ts'
import { OrderError } from '#hub/gateway/types.ts'
import { until } from '#test/helpers/until.ts'
import { asServer, type Fixture, startFixture } from './fixture.ts'

let fixture: Fixture
test.before(async () => {
  fixture = await startFixture()
  await until('the hub to reach NATS', () => fixture.gateway.readiness().every(({ ok }) => ok))
})
test.after.always(() => fixture?.close())

test('an agent says hello, beats and sends events, and the hub knows it by its subject', async (t) => {
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  const hello = await connection.request(fromAgent.hello(agent.agentId), Hello.encode(Hello.fromPartial({ sessionId: 's1' })).finish(), {
    timeout: 5000,
  })
  t.is(HelloReply.decode(hello.data).committedSequence, 7n)
  const beat = await connection.request(
    fromAgent.heartbeat(agent.agentId),
    Heartbeat.encode(Heartbeat.fromPartial({ counter: 3n })).finish(),
  )
  t.like(HeartbeatAck.decode(beat.data), { counter: 3n, known: true })
  const batch = EventBatch.fromPartial({ events: [{ sequence: 1n, taskUid: 'u', attempt: 1, body: { $case: 'started', value: {} } }] })
  const ack = await connection.request(fromAgent.events(agent.agentId), EventBatch.encode(batch).finish())
  t.is(EventAck.decode(ack.data).committedSequence, 1n)
  const own = fixture.recorded.calls.filter((call) => call.agentId === agent.agentId).map((call) => call.name)
  t.deepEqual(own, ['used', 'hello', 'heartbeat', 'events'])
  t.true(fixture.gateway.isConnected(agent.agentId))
  await connection.close()
  await until('the disconnect', () => fixture.recorded.disconnected.includes(agent.agentId))
})

test('an order reaches the agent and its answer comes back', async (t) => {
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  connection.subscribe(toAgent.task(agent.agentId), {
    callback: (_, message) => {
      const order = SignedOrder.decode(message.data)
      message.respond(OrderAck.encode(OrderAck.fromPartial({ taskUid: order.payload.toString(), outcome: OrderOutcome.ACCEPTED })).finish())
    },
  })
  await connection.flush()
  const ack = await fixture.gateway.sendOrder(agent.agentId, 'task', fixture.pki.taskSigner.sign(Buffer.from('t-1')), 5000)
  t.like(ack, { taskUid: 't-1', outcome: OrderOutcome.ACCEPTED })
  await connection.close()
})

test('an order to an agent that is not there fails at once and says so', async (t) => {
  const agent = await fixture.agent()
  const error = await t.throwsAsync(fixture.gateway.sendOrder(agent.agentId, 'task', SignedOrder.fromPartial({}), 5000), {
    instanceOf: OrderError,
  })
  t.is(error.reason, 'NotConnected')
})

test('a stranger enrols under the enrolment name without a certificate', async (t) => {
  const client = new EnrollmentServiceClient(`127.0.0.1:${fixture.port}`, fixture.credentials(), asServer(serverNames.enroll))
  const response = await new Promise<EnrollResponse>((resolve, reject) =>
    client.enroll(EnrollRequest.fromPartial({ hostname: 'n1' }), (error, value) => (error === null ? resolve(value) : reject(error))),
  )
  t.is(response.machineName, 'n1')
  const seen = fixture.recorded.calls.find(({ name }) => name === 'enroll')?.body as { address: string }
  t.is(seen.address, '127.0.0.1')
  client.close()
})
