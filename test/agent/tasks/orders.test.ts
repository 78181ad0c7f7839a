import test from 'ava'
import { OrderOutcome } from '#proto/moorline/v1/control.ts'
import { jsonDepth, keyIdOf } from '#agent/tasks/verify.ts'
import { until } from '#test/helpers/until.ts'
import { agentFixture } from './fixture.ts'
import { createHubDouble } from './hub-double.ts'

const { ACCEPTED, DUPLICATE, REFUSED, UNSPECIFIED } = OrderOutcome

test('a signed order is durable before it is acknowledged, then runs to one end', async (t) => {
  const { runner, hub, journal, history } = await agentFixture(t)
  const ack = await runner.accept(hub.task())
  t.deepEqual(ack, { taskUid: 'task-1', attempt: 1, outcome: ACCEPTED, reason: '', message: '' })
  t.is(journal.order('task-1', 1)?.nonce.length, 32)
  await until('its end', () => history().end)
  t.deepEqual(history().kinds, ['started', 'finished'])
  t.is(history().end?.state, 'Succeeded')
})

test('a copy is only acknowledged, whether it waits, runs or has ended', async (t) => {
  let runs = 0
  const { runner, hub, history } = await agentFixture(t, {
    actions: { facts: { run: async () => ({ runs: ++runs }) } },
  })
  const order = hub.task()
  const outcomes = [await runner.accept(order), await runner.accept(order), await runner.accept(hub.task())].map(({ outcome }) => outcome)
  await until('its end', () => history().end)
  t.is((await runner.accept(order)).outcome, DUPLICATE)
  t.deepEqual(outcomes, [ACCEPTED, DUPLICATE, DUPLICATE])
  t.is(runs, 1)
  t.is(history().ends.length, 1)
})

test('a copy after its validity is still recognised: the hub needs to hear that it arrived', async (t) => {
  let now = Date.now()
  const { runner, hub } = await agentFixture(t, { hubTime: () => new Date(now) })
  const order = hub.task()
  t.is((await runner.accept(order)).outcome, ACCEPTED)
  now += 24 * 3_600_000
  t.is((await runner.accept(order)).outcome, DUPLICATE)
})

test('an order that is unsigned, changed, of another key or not an order is refused', async (t) => {
  const { runner, hub, journal } = await agentFixture(t)
  const order = hub.task()
  const flipped = Buffer.from(order.payload)
  flipped[10] = (flipped[10] as number) ^ 1
  const other = createHubDouble()
  const forged = { ...other.task(), keyId: keyIdOf(hub.publicKey) }
  const cases: [string, Parameters<typeof runner.accept>[0]][] = [
    ['BadSignature', { ...order, signature: Buffer.alloc(0) }],
    ['BadSignature', { ...order, signature: Buffer.alloc(64) }],
    ['BadSignature', { ...order, payload: flipped }],
    ['BadSignature', forged],
    ['UnknownSigningKey', other.task()],
    ['UnknownSigningKey', { ...order, keyId: '' }],
    ['BadOrder', hub.cancel({})],
    ['BadOrder', hub.signed({ order: undefined })],
    ['OrderTooLarge', hub.task({ inputJson: Buffer.alloc(600_000, 32) })],
  ]
  for (const [reason, signed] of cases) {
    const ack = await runner.accept(signed)
    t.is(ack.outcome, REFUSED, reason)
    t.is(ack.reason, reason)
  }
  t.deepEqual(journal.unfinished(), [])
})

test('signed bytes that are no message are refused, not thrown', async (t) => {
  const { runner, hub } = await agentFixture(t)
  for (const bytes of ['0aff', '', 'ffffffffffffffffffff', '0a020a05']) {
    const ack = await runner.accept(hub.signBytes(Buffer.from(bytes, 'hex')))
    t.is(ack.outcome, REFUSED)
    t.true(['BadOrder', 'WrongAgent'].includes(ack.reason), ack.reason)
  }
})

test('an order for another agent, expired, of an old attempt or with a used nonce is refused', async (t) => {
  let now = Date.now()
  const { runner, hub } = await agentFixture(t, { hubTime: () => new Date(now) })
  const reasonOf = async (fields: Parameters<typeof hub.task>[0]) => (await runner.accept(hub.task(fields))).reason
  t.is(await reasonOf({ agentId: 'someone-else' }), 'WrongAgent')
  t.is(await reasonOf({ notAfter: new Date(now - 1) }), 'Expired')
  t.is(await reasonOf({ notAfter: undefined }), 'Expired')
  t.is(await reasonOf({ nonce: 'short' }), 'BadOrder')
  t.is(await reasonOf({ taskUid: '../etc' }), 'BadOrder')
  t.is(await reasonOf({ attempt: 0 }), 'BadOrder')
  t.is(await reasonOf({ attempt: 3, nonce: 'n'.repeat(32) }), '')
  t.is(await reasonOf({ attempt: 2 }), 'OldAttempt')
  t.is(await reasonOf({ taskUid: 'task-2', nonce: 'n'.repeat(32) }), 'Replayed')
  now -= 365 * 24 * 3_600_000
  t.is(await reasonOf({ taskUid: 'task-3' }), '')
})

test('the age of an order is judged by the hub clock alone, whatever this machine believes', async (t) => {
  const { runner, hub } = await agentFixture(t, { hubTime: () => new Date('1970-01-01T00:00:00Z') })
  t.is((await runner.accept(hub.task({ notAfter: new Date('1970-01-01T00:00:01Z') }))).outcome, ACCEPTED)
})

test('an input that does not fit the action is refused with the field', async (t) => {
  const { runner, hub } = await agentFixture(t)
  const reply = (action: string, text: string) => runner.accept(hub.task({ action, inputJson: Buffer.from(text) }))
  const cases = [
    ['reboot', '{}', 'UnknownAction', /no action "reboot"/],
    ['constructor', '{}', 'UnknownAction', /constructor/],
    ['exec', '{}', 'InvalidInput', /command/],
    ['exec', '{"command":"rm -rf /"}', 'InvalidInput', /input\/command/],
    ['exec', '{"command":["true"],"shell":true}', 'InvalidInput', /additional|shell/],
    ['facts', '{"__proto__":{"x":1}}', 'InvalidInput', /./],
    ['file', '{"path":"relative"}', 'InvalidInput', /path/],
    ['facts', '{', 'InvalidInput', /not JSON/],
    ['facts', '['.repeat(100_000), 'InvalidInput', /nested deeper/],
  ] as const
  for (const [action, text, reason, message] of cases) {
    const ack = await reply(action, text)
    t.is(ack.outcome, REFUSED, text.slice(0, 40))
    t.is(ack.reason, reason)
    t.regex(ack.message, message)
  }
  t.is((await runner.accept(hub.task({ timeoutMs: 86_400_001n }))).reason, 'InvalidInput')
})

test('depth is counted outside strings only', (t) => {
  t.is(jsonDepth('{"a":[1,{"b":"[[[{\\"]"}]}'), 3)
  t.is(jsonDepth('"[[["'), 0)
})

test('what the machine does not allow is refused with its words, and asked again before it runs', async (t) => {
  const denied = new Set(['exec'])
  const policy = {
    allows: (action: string) =>
      denied.has(action) ? { ok: false as const, reason: 'ActionNotAllowed', message: `${action} is off here` } : { ok: true as const },
  }
  const run = (_input: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  const first = await agentFixture(t, { policy, actions: { facts: { run } } })
  const ack = await first.runner.accept(first.hub.task({ action: 'exec' }, { command: ['true'] }))
  t.like(ack, { outcome: REFUSED, reason: 'ActionNotAllowed', message: 'exec is off here' })
  t.is((await first.runner.accept(first.hub.task())).outcome, ACCEPTED)
  denied.add('facts')
  const second = await first.restart()
  await until('its end', () => second.history().end)
  t.like(second.history().end, { state: 'Failed', reason: 'ActionNotAllowed', message: 'facts is off here' })
})

test('a journal that cannot be written asks the hub to come again and takes the order then', async (t) => {
  const { runner, hub, journal } = await agentFixture(t, { maxFileBytes: 250_000 })
  const large = { path: '/tmp/x', content: 'x'.repeat(400_000) }
  const ack = await runner.accept(hub.task({ action: 'file' }, large))
  t.is(ack.outcome, UNSPECIFIED)
  t.is(ack.reason, 'JournalUnavailable')
  t.deepEqual(journal.unfinished(), [])
  t.is((await runner.accept(hub.task({ taskUid: 'task-2' }))).outcome, ACCEPTED)
})
