import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { openJournal } from '#agent/journal/open.ts'
import { createPump } from '#agent/tasks/pump.ts'
import type { EventAck, EventBatch } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { type Log, silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { createHubDouble } from './hub-double.ts'

async function fixture(
  t: ExecutionContext,
  answer: (batch: EventBatch, take: (batch: EventBatch) => EventAck, call: number) => Promise<EventAck> | EventAck,
) {
  const path = join(await tempDir(t), 'journal.db')
  const journal = openJournal({ path, clock: systemClock })
  const hub = createHubDouble()
  const batches: EventBatch[] = []
  const errors: string[] = []
  const log: Log = { ...silentLog, error: (_fields, message) => void errors.push(message) }
  const pump = createPump({
    journal,
    send: async (batch) => answer(batch, hub.take, batches.push(batch)),
    clock: systemClock,
    random: () => 0.001,
    log,
  })
  t.teardown(async () => {
    await pump.stop()
    journal.close()
  })
  const say = (count: number) => {
    for (let index = 0; index < count; index++) {
      journal.append('a', 1, { $case: 'row', value: { json: Buffer.from(`{"n":${index}}`) } })
    }
    journal.flush()
  }
  return { journal, hub, pump, batches, errors, say }
}

test('events leave in order, in batches, and are deleted when the hub has them', async (t) => {
  const { journal, hub, pump, batches, say } = await fixture(t, (batch, take) => take(batch))
  say(1_200)
  pump.onUp(0n)
  await until('everything to be there', () => journal.stats().events === 0)
  t.is(hub.events.length, 1_200)
  t.deepEqual(
    batches.map((batch) => batch.events.length),
    [500, 500, 200],
  )
  say(1)
  await until('the new one', () => hub.events.length === 1_201)
})

test('nothing is sent before the hub has said what it has, nor after the link is down', async (t) => {
  const { hub, pump, batches, say } = await fixture(t, (batch, take) => take(batch))
  say(3)
  pump.kick()
  t.is(batches.length, 0)
  pump.onUp(0n)
  await until('them to be there', () => hub.events.length === 3)
  pump.onDown()
  say(1)
  t.is(batches.length, 1)
})

test('only one batch is in flight', async (t) => {
  let inFlight = 0
  let most = 0
  const { hub, pump, say } = await fixture(t, async (batch, take) => {
    most = Math.max(most, ++inFlight)
    await new Promise((resolve) => setImmediate(resolve))
    inFlight--
    return take(batch)
  })
  pump.onUp(0n)
  for (let index = 0; index < 20; index++) {
    say(5)
    pump.kick()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('everything', () => hub.events.length === 100)
  t.is(most, 1)
})

test('lost answers, failures and a busy hub lose and repeat nothing', async (t) => {
  const { journal, hub, pump, say } = await fixture(t, (batch, take, call) => {
    if (call % 4 === 1) throw new Error('no answer')
    if (call % 4 === 2) {
      take(batch)
      throw new Error('the answer was lost')
    }
    if (call % 4 === 3) return { committedSequence: 0n, refused: 'Busy', message: 'later' }
    return take(batch)
  })
  pump.onUp(0n)
  for (let round = 0; round < 5; round++) say(300)
  await until('everything', () => journal.stats().events === 0)
  t.is(hub.events.length, 1_500)
})

test('a hub that answers Gap is sent what it asks for', async (t) => {
  const { journal, hub, pump, say } = await fixture(t, (batch, take) => take(batch))
  say(4)
  const first = journal.pending(1e6, 2)
  hub.take({ events: first })
  pump.onUp(0n)
  await until('everything', () => journal.stats().events === 0)
  t.is(hub.events.length, 4)
})

test('an answer that was overtaken changes nothing', async (t) => {
  const { journal, pump, hub, say } = await fixture(t, (batch, take, call) => {
    const ack = take(batch)
    return call === 2 ? { ...ack, committedSequence: 1n } : ack
  })
  pump.onUp(0n)
  say(3)
  await until('the first', () => journal.stats().events === 0)
  say(3)
  await until('the rest', () => journal.stats().events === 0)
  t.is(hub.events.length, 6)
  t.is(journal.acknowledgedSequence(), 6n)
})

test('one event that the hub cannot take does not stop the others, and a result becomes a failure, not silence', async (t) => {
  const isPoison = (batch: EventBatch) =>
    batch.events.some((event) => event.body?.$case === 'finished' && event.body.value.state === 'Succeeded')
  const { journal, hub, pump, say, errors } = await fixture(t, (batch, take) =>
    isPoison(batch) ? { committedSequence: 0n, refused: 'Invalid', message: 'too deep' } : take(batch),
  )
  journal.recordOrder({ taskUid: 'a', attempt: 1, order: Buffer.from('x'), nonce: 'n', notAfterMs: 1 })
  say(2)
  journal.recordFinished('a', 1, { state: 'Succeeded', reason: '', message: '', resultJson: Buffer.from('[[[]]]') })
  say(2)
  pump.onUp(0n)
  await until('everything', () => journal.stats().events === 0)
  t.is(hub.events.length, 5)
  const body = hub.events[2]?.body
  t.like(body?.$case === 'finished' ? body.value : {}, { state: 'Failed', reason: 'ResultRejected' })
  t.true(errors.length > 0)
})

test('a session that is refused for a while costs no result', async (t) => {
  let refusals = 5
  const { journal, hub, pump } = await fixture(t, (batch, take) =>
    refusals-- > 0 ? { committedSequence: 0n, refused: 'Invalid', message: 'not now' } : take(batch),
  )
  journal.recordOrder({ taskUid: 'a', attempt: 1, order: Buffer.from('x'), nonce: 'n', notAfterMs: 1 })
  journal.recordFinished('a', 1, { state: 'Succeeded', reason: '', message: '', resultJson: Buffer.from('{}') })
  pump.onUp(0n)
  await until('the result', () => hub.events.length === 1)
  const body = hub.events[0]?.body
  t.is(body?.$case === 'finished' && body.value.state, 'Succeeded')
})

test('a hub that has more than was ever sent is said loudly, and numbering goes on above it', async (t) => {
  const { journal, pump, batches, errors, say } = await fixture(t, (batch) => ({
    committedSequence: batch.events.at(-1)?.sequence ?? 0n,
    refused: '',
    message: '',
  }))
  say(2)
  pump.onUp(70n)
  await until('both to be there', () => journal.stats().events === 0)
  t.deepEqual(
    batches.flatMap((batch) => batch.events.map((event) => event.sequence)),
    [71n, 72n],
  )
  t.regex(errors.join(), /restored from an old copy/)
})

test('a hub that was put back to an old state gets gaps for what is gone, then everything since', async (t) => {
  const { journal, hub, pump, errors, say } = await fixture(t, (batch, take) => take(batch))
  pump.onUp(0n)
  say(5)
  await until('five', () => journal.stats().events === 0)
  pump.onDown()
  hub.events.length = 3
  say(1)
  pump.onUp(3n)
  await until('the rest', () => journal.stats().events === 0)
  t.deepEqual(
    hub.events.map((event) => event.body?.$case),
    ['row', 'row', 'row', 'gap', 'gap', 'row'],
  )
  t.regex(errors.join(), /gap records/)
})
