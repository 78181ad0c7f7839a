// What a hostile or revoked agent can do on the control plane: nothing to anybody else.
import { createAccount, createUser, encodeUser } from '@nats-io/jwt'
import test, { type ExecutionContext } from 'ava'
import type { NatsConnection } from 'nats'
import { EventAck, EventBatch, Hello, SignedOrder } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { agentPermissions, fromAgent, serverNames, toAgent } from '#shared/contract/subjects.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import { openPki } from '#hub/pki/open.ts'
import { until } from '#test/helpers/until.ts'
import { type Fixture, makeAgent, newAgentId, newCsr, startFixture, type TestAgent } from './fixture.ts'

let fixture: Fixture
test.before(async () => {
  fixture = await startFixture()
  await until('the hub to reach NATS', () => fixture.gateway.readiness().every(({ ok }) => ok))
})
test.after.always(() => fixture?.close())

const hello = Hello.encode(Hello.fromPartial({ sessionId: 's' })).finish()
const isRefused = (t: ExecutionContext, promise: Promise<unknown>, message?: string) => t.throwsAsync(promise, undefined, message)
const securityOf = (agentId: string) => fixture.recorded.security.filter((event) => event.agentId === agentId).map((event) => event.kind)

/** Errors that the server reports for this connection, in order. */
async function permissionErrors(connection: NatsConnection, run: () => void): Promise<string[]> {
  const errors: string[] = []
  void (async () => {
    for await (const status of connection.status()) if (status.type === 'error') errors.push(String(status.data))
  })()
  run()
  await connection.flush()
  return errors
}

test('the certificate of one agent with the JWT and key of another is refused', async (t) => {
  const [mine, other] = [await fixture.agent(), await fixture.agent()]
  await isRefused(t, fixture.natsConnect(mine, { jwt: other.jwt, nats: other.nats }))
  t.deepEqual(securityOf(mine.agentId), ['ForeignJwt'])
})

test('a JWT that the hub did not issue is refused, whatever name it carries', async (t) => {
  const agent = await fixture.agent()
  const account = createAccount()
  const jwt = await encodeUser(agent.agentId, agent.nats, account, { pub: { allow: ['>'] }, sub: { allow: ['>'] } })
  await isRefused(t, fixture.natsConnect(agent, { jwt }))
  const [header, body] = agent.jwt.split('.')
  const wider = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body ?? '', 'base64url').toString()), exp: 2 ** 33 })).toString(
    'base64url',
  )
  await isRefused(t, fixture.natsConnect(agent, { jwt: `${header}.${wider}.${agent.jwt.split('.')[2]}` }))
  t.deepEqual(securityOf(agent.agentId), ['ForeignJwt', 'ForeignJwt'])
})

test('a JWT without the key it was issued for is refused', async (t) => {
  const agent = await fixture.agent()
  await isRefused(t, fixture.natsConnect(agent, { nats: createUser() }))
})

test('a certificate of another CA, an expired one, a server certificate and none at all are refused', async (t) => {
  const foreignPki = await openPki({ dataDir: `${fixture.dataDir}/foreign`, names: ['x'], clock: systemClock })
  const agent = await fixture.agent()
  const foreign = await makeAgent(foreignPki, fixture.gateway, agent.agentId)
  await isRefused(t, fixture.natsConnect({ ...agent, keyPem: foreign.keyPem, chainPem: foreign.chainPem }), 'foreign CA')

  const eightDaysAgo = { ...systemClock, now: () => new Date(Date.now() - 8 * 24 * 3600 * 1000) }
  const oldPki = await openPki({ dataDir: fixture.dataDir, names: ['localhost', '127.0.0.1'], clock: eightDaysAgo })
  const { csrDer, keyPem } = await newCsr()
  const { chainPem } = await oldPki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId: agent.agentId, machineName: 'm' })
  await isRefused(t, fixture.natsConnect({ ...agent, keyPem, chainPem }), 'expired')

  const { key, cert } = fixture.pki.web
  await isRefused(t, fixture.natsConnect({ ...agent, keyPem: key, chainPem: cert }), 'server certificate')
  await isRefused(
    t,
    fixture.natsConnect({ ...agent, keyPem: undefined as unknown as string, chainPem: undefined as unknown as string }),
    'none',
  )
  t.deepEqual(
    fixture.recorded.calls.filter((call) => call.agentId === agent.agentId),
    [],
  )
})

test('publishing as another agent, as the hub or to the system is denied and reaches nobody', async (t) => {
  const [mine, other] = [await fixture.agent(), await fixture.agent()]
  const connection = await fixture.natsConnect(mine)
  const victim = await fixture.natsConnect(other)
  const got: string[] = []
  victim.subscribe(`hub.${other.agentId}.>`, { callback: (_, message) => void got.push(message.subject) })
  await victim.flush()
  const subjects = [
    fromAgent.hello(other.agentId),
    toAgent.task(other.agentId),
    toAgent.task(mine.agentId),
    'fleet',
    'fleet.x',
    '$SYS.REQ.CLAIMS.UPDATE',
    '_INBOX.x',
  ]
  const errors = await permissionErrors(connection, () => {
    for (const subject of subjects) connection.publish(subject, hello, { reply: `${toAgent.inboxPrefix(mine.agentId)}.1` })
  })
  await until('all refusals', () => errors.length === subjects.length)
  t.true(errors.every((error) => error.includes('PERMISSIONS_VIOLATION')))
  await victim.flush()
  t.deepEqual(got, [])
  t.deepEqual(
    fixture.recorded.calls.filter(({ name, agentId }) => name === 'hello' && agentId === other.agentId),
    [],
  )
  await connection.close()
  await victim.close()
})

test('subscribing to anything but its own subjects is denied', async (t) => {
  const [mine, other] = [await fixture.agent(), await fixture.agent()]
  const subjects = [
    '>',
    '*.>',
    '_INBOX.>',
    '$SYS.>',
    '$JS.>',
    'hub.>',
    'hub.*.task',
    'fleet.>',
    `fleet.${mine.agentId}.>`,
    `hub.${other.agentId}.>`,
    toAgent.task(other.agentId),
  ]
  for (const subject of subjects) {
    const connection = await fixture.natsConnect(mine)
    const denied = new Promise((resolve) => connection.subscribe(subject, { callback: (error) => resolve(error?.code) }))
    t.is(await denied, 'PERMISSIONS_VIOLATION', subject)
    await connection.close()
  }
})

test("a request whose reply-to is another agent's subject is neither handled nor answered, and is reported", async (t) => {
  const [mine, other] = [await fixture.agent(), await fixture.agent()]
  const [connection, victim] = [await fixture.natsConnect(mine), await fixture.natsConnect(other)]
  const got: string[] = []
  victim.subscribe(`hub.${other.agentId}.>`, { callback: (_, message) => void got.push(message.subject) })
  await victim.flush()
  const targets = [
    toAgent.task(other.agentId),
    `${toAgent.inboxPrefix(other.agentId)}.1`,
    toAgent.task(mine.agentId),
    `${toAgent.inboxPrefix(mine.agentId)}.*`,
    `${toAgent.inboxPrefix(mine.agentId)}x.1`,
    fromAgent.hello(other.agentId),
  ]
  for (const name of ['hello', 'heartbeat', 'events'] as const) {
    for (const reply of targets) connection.publish(fromAgent[name](mine.agentId), hello, { reply })
  }
  connection.publish(fromAgent.hello(mine.agentId), hello)
  // One good request behind them proves that the bad ones have been seen.
  await connection.request(fromAgent.hello(mine.agentId), hello, { timeout: 5000 })
  await victim.flush()
  t.deepEqual(got, [])
  t.is(fixture.recorded.calls.filter((call) => call.agentId === mine.agentId && call.name === 'hello').length, 1)
  const reports = securityOf(mine.agentId)
  t.true(reports.length >= 18 && reports.every((kind) => kind === 'ForeignReplySubject'))
  await connection.close()
  await victim.close()
})

test("one agent's bad bytes are refused by name and leave the others alone", async (t) => {
  const [bad, good] = [await fixture.agent(), await fixture.agent()]
  const [connection, other] = [await fixture.natsConnect(bad), await fixture.natsConnect(good)]
  const event = { sequence: 1n, taskUid: 'u', attempt: 1, body: { $case: 'started' as const, value: {} } }
  const batches = [
    Buffer.from('ffffffffffff', 'hex'),
    EventBatch.encode(EventBatch.fromPartial({ events: [event, { ...event, sequence: 3n }] })).finish(),
    EventBatch.encode(EventBatch.fromPartial({ events: [{ ...event, taskUid: '../x\r\n' }] })).finish(),
    EventBatch.encode(EventBatch.fromPartial({ events: [{ ...event, body: undefined }] })).finish(),
    EventBatch.encode(
      EventBatch.fromPartial({ events: Array.from({ length: 501 }, (_, index) => ({ ...event, sequence: BigInt(index + 1) })) }),
    ).finish(),
    Buffer.alloc(0),
  ]
  for (const bytes of batches) {
    const ack = EventAck.decode((await connection.request(fromAgent.events(bad.agentId), bytes, { timeout: 5000 })).data)
    t.is(ack.refused, 'Invalid')
  }
  t.deepEqual(
    fixture.recorded.calls.filter(({ name, agentId }) => name === 'events' && agentId === bad.agentId),
    [],
  )
  const right = EventBatch.encode(EventBatch.fromPartial({ events: [event] })).finish()
  t.is(EventAck.decode((await other.request(fromAgent.events(good.agentId), right)).data).committedSequence, 1n)
  await connection.close()
  await other.close()
})

test('an id with separators or wildcards never becomes part of a subject', async (t) => {
  for (const id of ['', 'a.b', '*', '>', 'a\r\nPUB x 0', `${newAgentId()}.x`]) {
    await t.throwsAsync(fixture.gateway.sendOrder(id, 'task', SignedOrder.fromPartial({}), 1000))
    t.notThrows(() => fixture.gateway.notify(id, 'SendHello'))
    await t.throwsAsync(fixture.gateway.natsUserJwt(id, createUser().getPublicKey()))
  }
  await t.throwsAsync(fixture.gateway.natsUserJwt(newAgentId(), createAccount().getPublicKey()))
})

test('an answer to an order counts only when it comes from the agent that was asked', async (t) => {
  const [asked, other] = [await fixture.agent(), await fixture.agent()]
  const [connection, liar] = [await fixture.natsConnect(asked), await fixture.natsConnect(other)]
  const reply = new Promise<string>((resolve) =>
    connection.subscribe(toAgent.task(asked.agentId), { callback: (_, message) => resolve(message.reply ?? '') }),
  )
  await connection.flush()
  const order = fixture.gateway.sendOrder(asked.agentId, 'task', SignedOrder.fromPartial({}), 1500)
  const id = (await reply).split('.').at(-1) ?? ''
  liar.publish(fromAgent.reply(other.agentId, id), Buffer.from([24, 1]))
  await liar.flush()
  t.is((await t.throwsAsync(order))?.message, 'The agent did not answer within 1500 ms.')
  await connection.close()
  await liar.close()
})

/** Speaks the protocol by hand over a finished TLS handshake; resolves with everything the hub says until it closes. */
async function rawConnect(agent: TestAgent, send: (nonce: string) => string | Buffer): Promise<string> {
  const socket = await fixture.tls(serverNames.nats, agent)
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      const isFirst = text === ''
      text += chunk.toString()
      if (isFirst) socket.write(send(/"nonce":"([^"]+)"/.exec(text)?.[1] ?? ''))
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

test('what the server says about itself is taken out of its greeting', async (t) => {
  const text = await rawConnect(await fixture.agent(), () => 'QUIT\r\n')
  const info = JSON.parse(/^INFO (.*)\r\n/.exec(text)?.[1] ?? '{}') as Record<string, unknown>
  t.true(info.tls_required)
  for (const key of ['connect_urls', 'client_ip', 'host', 'port']) t.is(info[key], undefined, key)
})

test('a CONNECT line that is missing, too long, not JSON or says one thing twice is refused', async (t) => {
  const [agent, other] = [await fixture.agent(), await fixture.agent()]
  const sign = (by: TestAgent, nonce: string) => Buffer.from(by.nats.sign(Buffer.from(nonce))).toString('base64url')
  const cases: ((nonce: string) => string)[] = [
    () => 'PING\r\n',
    () => `CONNECT ${'x'.repeat(20_000)}`,
    () => 'CONNECT {]\r\n',
    () => 'CONNECT {}\r\n',
    () => 'CONNECT null\r\n',
    () => `CONNECT {"jwt":1,"sig":2}\r\n`,
  ]
  for (const send of cases) t.regex(await rawConnect(agent, send), /-ERR 'Authorization Violation'/)
  t.true(securityOf(agent.agentId).every((kind) => kind === 'MalformedConnect'))
  // The server reads keys without regard to case and takes the last: it must never see the second one.
  const smuggled = await rawConnect(agent, (nonce) => {
    const fields = { jwt: agent.jwt, sig: sign(agent, nonce), JWT: other.jwt, Sig: sign(other, nonce) }
    return `CONNECT ${JSON.stringify({ verbose: true, ...fields })}\r\nPING\r\nPUB ${fromAgent.hello(other.agentId)} 0\r\n\r\nPUB bad\r\n`
  })
  t.regex(smuggled, /\+OK/)
  t.regex(smuggled, /Permissions Violation for Publish/)
})

test('revoking ends the live connection within 5 s, and the same credentials do not work again', async (t) => {
  const [agent, other] = [await fixture.agent(), await fixture.agent()]
  const [connection, healthy] = [await fixture.natsConnect(agent), await fixture.natsConnect(other)]
  const start = performance.now()
  const revoked = fixture.gateway.revoke(agent.agentId)
  await connection.closed()
  await revoked
  t.true(performance.now() - start < 5000)
  // The certificate is still admitted by this fixture: it is the NATS server that knows the user no more.
  const error = await isRefused(t, fixture.natsConnect(agent))
  t.regex(String((error as { code?: string }).code), /AUTHORIZATION|REVOKED/i)
  t.false(healthy.isClosed())
  await healthy.request(fromAgent.hello(other.agentId), hello)
  await healthy.close()
})

test('an identity that is not admitted any more cannot connect', async (t) => {
  const agent = await fixture.agent()
  fixture.denied.add(agent.agentId)
  await isRefused(t, fixture.natsConnect(agent))
  t.deepEqual(securityOf(agent.agentId), ['IdentityRefused'])
})

test('the oldest of too many connections of one agent gives way', async (t) => {
  const agent = await fixture.agent()
  const connections: NatsConnection[] = []
  for (let index = 0; index < 5; index += 1) connections.push(await fixture.natsConnect(agent))
  await connections[0]?.closed()
  t.true(connections.slice(1).every((connection) => !connection.isClosed()))
  t.deepEqual(securityOf(agent.agentId), ['TooManyConnections'])
  await Promise.all(connections.slice(1).map((connection) => connection.close()))
})

test('an agent holds no more subscriptions than it needs and publishes no more than the limit', async (t) => {
  const agent = await fixture.agent()
  t.deepEqual(agentPermissions(agent.agentId), { publish: [`fleet.${agent.agentId}.>`], subscribe: [`hub.${agent.agentId}.>`] })
  const connection = await fixture.natsConnect(agent)
  t.is(connection.info?.max_payload, 1024 * 1024)
  for (let index = 0; index < 40; index += 1) connection.subscribe(`hub.${agent.agentId}.x${index}`)
  t.truthy(await connection.closed())
})
