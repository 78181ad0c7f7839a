import test from 'ava'
import type { LinkPhase } from '#agent/link/types.ts'
import { EventBatch, HeartbeatAck, HelloReply, OrderAck, OrderOutcome, SignedOrder } from '#proto/moorline/v1/control.ts'
import { freePort } from '#test/helpers/ports.ts'
import { until } from '#test/helpers/until.ts'
import { fastClock } from './clocks.ts'
import { startFleet } from './fleet.ts'
import { createEmptyHandlers } from './handlers.ts'
import { startMicrosocks, startTinyproxy } from './proxies.ts'
import { startRelay } from './relay.ts'

test.serial('comes up, carries orders in and events out, and hears what the hub has committed', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const order = SignedOrder.fromPartial({ payload: Buffer.from('do'), signature: Buffer.alloc(64, 1), keyId: 'k' })
  const ack = OrderAck.fromPartial({ taskUid: 'uid', attempt: 3, outcome: OrderOutcome.DUPLICATE })
  const seen: SignedOrder[] = []
  const notices: string[] = []
  const link = fleet.link(identity, {
    handlers: createEmptyHandlers({
      onTask: (given) => {
        seen.push(given)
        return Promise.resolve(ack)
      },
      onNotice: ({ kind }) => void notices.push(kind),
    }),
  })
  const committed: bigint[] = []
  link.onUp((sequence) => committed.push(sequence))
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  t.deepEqual(committed, [7n])
  t.deepEqual(await fleet.gateway.sendOrder(identity.agentId, 'task', order, 5_000), ack)
  t.deepEqual(seen, [order])
  fleet.gateway.notify(identity.agentId, 'RenewIdentity')
  await until('the notice', () => notices.includes('RenewIdentity'))
  const batch = EventBatch.fromPartial({ events: [{ sequence: 8n, taskUid: 'uid', attempt: 1, body: { $case: 'started', value: {} } }] })
  t.is((await link.sendEvents(batch)).committedSequence, 8n)
  const hello = fleet.recorded.calls.find(({ name }) => name === 'hello')
  t.like(hello?.body, { hello: { certificateSerial: identity.serial, allowedActions: ['facts'] } })
})

test.serial('both planes are judged by what came back through their real path', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const link = fleet.link(identity)
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  t.deepEqual(
    link.state().planes.map(({ name, ok }) => ({ name, ok })),
    [{ name: 'nats', ok: true }],
  )
  await link.probe()
  const [nats, grpc] = link.state().planes
  t.true(nats?.ok)
  t.like(grpc, { name: 'grpc', ok: true, reason: '' })
  t.true((grpc?.roundTripUs ?? 0) > 0)
})

test.serial('one plane that is down does not speak for the other', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const relay = await startRelay(t, fleet.port)
  const link = fleet.link(identity, { hub: { host: '127.0.0.1', port: relay.port } })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  relay.refuseNew()
  await link.probe()
  t.like(link.state(), { phase: 'up' })
  t.like(link.state().planes[0], { name: 'nats', ok: true })
  t.like(link.state().planes[1], { name: 'grpc', ok: false, reason: 'Unavailable' })
})

for (const [name, start] of [
  ['SOCKS5', startMicrosocks],
  ['HTTP CONNECT', startTinyproxy],
] as const) {
  test.serial(`both planes and enrolment go through a ${name} proxy with credentials, and come back through it`, async (t) => {
    const fleet = await startFleet(t)
    const proxy = { kind: name === 'SOCKS5' ? ('socks5' as const) : ('http' as const), ...(await start(t)) }
    const relay = await startRelay(t, fleet.port)
    const hub = { host: 'localhost', port: relay.port }
    const { identity } = await fleet.enrolled()
    const link = fleet.link(identity, { hub, proxy, clock: fastClock(10) })
    link.start()
    await until('the link to be up', () => link.state().phase === 'up')
    await link.probe()
    t.true(link.state().planes.every(({ ok }) => ok))
    relay.cut()
    await until('the link to see the cut', () => link.state().phase !== 'up')
    await until('the link to be up again', () => link.state().phase === 'up')
    t.true(relay.accepted() >= 3)
  })
}

test.serial('wrong credentials of a proxy are the last error, in words', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const proxy = { kind: 'socks5' as const, ...(await startMicrosocks(t)), password: 'wrong' }
  const link = fleet.link(identity, { proxy })
  link.start()
  const lastError = await until('an error', () => link.state().lastError)
  t.is(lastError.code, 'ProxyAuthenticationFailed')
  t.regex(lastError.message, /^SOCKS5 authentication failed/)
  await link.probe()
  t.like(link.state().planes[1], { name: 'grpc', ok: false })
})

test.serial('a refused Hello is asked again and the link stays down meanwhile', async (t) => {
  let isClone = true
  let hellos = 0
  const fleet = await startFleet(t, {
    handlers: {
      hello: () => {
        hellos += 1
        return Promise.resolve(
          HelloReply.fromPartial(isClone ? { accepted: false, reason: 'Clone', message: 'other machine' } : { accepted: true }),
        )
      },
    },
  })
  const { identity } = await fleet.enrolled()
  const link = fleet.link(identity, { clock: fastClock(100) })
  link.start()
  await until('the refusal', () => link.state().phase === 'refused' && hellos >= 2)
  t.regex(link.state().lastError?.message ?? '', /Clone: other machine/)
  await t.throwsAsync(link.sendEvents(EventBatch.fromPartial({})), { message: /not up/ })
  isClone = false
  await until('the link to be up', () => link.state().phase === 'up')
})

test.serial('a heartbeat of a session that the hub does not know leads to another Hello on the same connection', async (t) => {
  let isKnown = true
  let hellos = 0
  const fleet = await startFleet(t, {
    handlers: {
      hello: () => {
        hellos += 1
        isKnown = true
        return Promise.resolve(HelloReply.fromPartial({ accepted: true, heartbeatIntervalMs: 1_000, committedSequence: BigInt(hellos) }))
      },
      heartbeat: (_agentId, { counter }) => Promise.resolve(HeartbeatAck.fromPartial({ counter, known: isKnown })),
    },
  })
  const { identity } = await fleet.enrolled()
  const link = fleet.link(identity, { clock: fastClock(20) })
  const committed: bigint[] = []
  let downs = 0
  link.onUp((sequence) => committed.push(sequence))
  link.onDown(() => (downs += 1))
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  isKnown = false
  await until('the second Hello', () => committed.length === 2)
  t.deepEqual(committed, [1n, 2n])
  t.is(downs, 1)
  t.is(fleet.gateway.stats().connections.nats, 1)
})

test.serial('heartbeats tell the counter, the last echo and the planes', async (t) => {
  const beats: { counter: bigint; lastAcknowledged: bigint; runningTasks: number; planes: string[] }[] = []
  const fleet = await startFleet(t, {
    handlers: {
      hello: () => Promise.resolve(HelloReply.fromPartial({ accepted: true, heartbeatIntervalMs: 1_000 })),
      heartbeat(_agentId, { counter, lastAcknowledged, runningTasks, planes }) {
        // The procedures' plane is judged in its own time, which may be before the third of these.
        const own = planes.filter(({ name }) => name === 'nats')
        beats.push({ counter, lastAcknowledged, runningTasks, planes: own.map(({ name, ok }) => `${name} ${ok}`) })
        return Promise.resolve(HeartbeatAck.fromPartial({ counter, known: true }))
      },
    },
  })
  const { identity } = await fleet.enrolled()
  const link = fleet.link(identity, { clock: fastClock(20), status: () => ({ lastSequence: 5n, runningTasks: 2 }) })
  link.start()
  await until('three heartbeats', () => beats.length >= 3)
  t.deepEqual(beats.slice(0, 3), [
    { counter: 1n, lastAcknowledged: 0n, runningTasks: 2, planes: ['nats true'] },
    { counter: 2n, lastAcknowledged: 1n, runningTasks: 2, planes: ['nats true'] },
    { counter: 3n, lastAcknowledged: 2n, runningTasks: 2, planes: ['nats true'] },
  ])
})

test.serial('F-11: a half-open connection is found within 30 s and replaced', async (t) => {
  const fleet = await startFleet(t, {
    handlers: { hello: () => Promise.resolve(HelloReply.fromPartial({ accepted: true, heartbeatIntervalMs: 10_000 })) },
  })
  const { identity } = await fleet.enrolled()
  const relay = await startRelay(t, fleet.port)
  const clock = fastClock(6)
  const link = fleet.link(identity, { clock, hub: { host: '127.0.0.1', port: relay.port } })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  const frozenMs = clock.monotonicMs()
  relay.freeze()
  await until('the link to notice', () => link.state().phase !== 'up', { intervalMs: 2 })
  const noticedMs = clock.monotonicMs() - frozenMs
  t.true(noticedMs <= 30_000, `noticed after ${noticedMs} ms`)
  relay.thaw()
  await until('the link to be up again', () => link.state().phase === 'up')
})

test.serial('a hub that is away behind a live NATS server is a plane without echo, not a reason to reconnect', async (t) => {
  let isSilent = false
  const fleet = await startFleet(t, {
    handlers: {
      hello: () => Promise.resolve(HelloReply.fromPartial({ accepted: true, heartbeatIntervalMs: 1_000 })),
      heartbeat: (_agentId, { counter }) =>
        isSilent ? new Promise(() => {}) : Promise.resolve(HeartbeatAck.fromPartial({ counter, known: true })),
    },
  })
  const { identity } = await fleet.enrolled()
  const link = fleet.link(identity, { clock: fastClock(20) })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  isSilent = true
  await until('the plane to be judged', () => link.state().planes[0]?.reason === 'NoEcho')
  t.is(link.state().phase, 'up')
  isSilent = false
  await until('the echo to be back', () => link.state().planes[0]?.ok)
  t.is(fleet.gateway.stats().connections.nats, 1)
  t.is(fleet.recorded.disconnected.length, 0)
})

test.serial('F-14: delays between attempts are full jitter from 1 s to 60 s', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const ceilings = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map((seconds) => seconds * 1_000)
  for (const random of [0, 0.37, 0.999]) {
    const fast = fastClock(2_000)
    const expected = ceilings.map((ceiling) => Math.floor(ceiling * random))
    const delays: number[] = []
    const setTimer: typeof fast.setTimer = (delayMs, run, isBackground) => {
      // The probe's timer of the procedures plane is a background one.
      if (!isBackground && expected.includes(delayMs)) delays.push(delayMs)
      return fast.setTimer(delayMs, run, isBackground)
    }
    const link = fleet.link(identity, {
      clock: { ...fast, setTimer },
      hub: { host: '127.0.0.1', port: await freePort() },
      random: () => random,
    })
    link.start()
    await until('ten attempts', () => delays.length >= 10)
    await link.stop()
    t.deepEqual(delays.slice(0, 10), expected)
  }
})

test.serial('the first delay is short again after the link was up', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const relay = await startRelay(t, fleet.port)
  const link = fleet.link(identity, { clock: fastClock(20), random: () => 0.999, hub: { host: '127.0.0.1', port: relay.port } })
  const delays: number[] = []
  link.onChange(({ phase, nextAttemptMs }: { phase: LinkPhase; nextAttemptMs?: number }) => {
    if (phase === 'waiting' && nextAttemptMs !== undefined) delays.push(nextAttemptMs)
  })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  for (const round of [1, 2, 3]) {
    relay.cut()
    await until(`loss ${round}`, () => delays.length === round)
    await until('the link to be up again', () => link.state().phase === 'up')
  }
  t.true(
    delays.every((delay) => delay <= 1_000),
    String(delays),
  )
})

test.serial('a revoked identity is cut at once and told so to whoever keeps identities', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const refused: string[] = []
  const link = fleet.link(identity, { clock: fastClock(20), onIdentityRefused: (_identity, { code }) => void refused.push(code) })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  const member = fleet.members.get(identity.agentId)
  if (member) member.serials = []
  await fleet.gateway.revoke(identity.agentId)
  await until('the link to be down', () => link.state().phase !== 'up')
  await until('the refusal', () => refused.length > 0)
  t.is(refused[0], 'HubClosed')
})

test.serial('stop leaves no socket and no timer, whatever the link is doing', async (t) => {
  const fleet = await startFleet(t)
  const { identity } = await fleet.enrolled()
  const relay = await startRelay(t, fleet.port)
  for (const phase of ['connecting', 'up', 'waiting'] as const) {
    const hub = phase === 'waiting' ? { host: '127.0.0.1', port: await freePort() } : { host: '127.0.0.1', port: relay.port }
    const link = fleet.link(identity, { hub, random: () => 0.999 })
    link.start()
    await until(`the phase ${phase}`, () => link.state().phase === phase, { intervalMs: 1 })
    await link.stop()
    t.is(link.state().phase, 'stopped')
  }
  await until('every socket to be closed', () => relay.open() === 0)
})

test.serial('another generation of the identity is used from the next connection on', async (t) => {
  const fleet = await startFleet(t)
  const first = (await fleet.enrolled()).identity
  const used: string[] = []
  let current = first
  const link = fleet.link(() => current, { onIdentityUsed: ({ serial }) => void used.push(serial) })
  link.start()
  await until('the link to be up', () => link.state().phase === 'up')
  const { identity: second } = await fleet.enrolled()
  current = second
  link.reconnect()
  await until('the second identity', () => used.length === 2)
  t.deepEqual(used, [first.serial, second.serial])
  await until('the old connection to be gone', () => fleet.gateway.stats().connections.nats === 1)
})
