import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import fc from 'fast-check'
import { JournalUnavailable } from '#agent/journal/errors.ts'
import { openJournal, type JournalOptions } from '#agent/journal/open.ts'
import type { Journal } from '#agent/journal/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import type { Event, Finished } from '#proto/moorline/v1/control.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

const order = (taskUid: string, attempt = 1, bytes = 100) => ({
  taskUid,
  attempt,
  order: Buffer.alloc(bytes, 1),
  nonce: `nonce-${taskUid}-${attempt}`,
  notAfterMs: 1_000,
})
const end = (state: string, reason = ''): Finished => ({ state, reason, message: '', resultJson: Buffer.from('{}') })
const output = (size: number, text = 'x') => ({ $case: 'output', value: { stream: 'stdout', data: Buffer.alloc(size, text) } }) as const
const kinds = (events: Event[]) => events.map((event) => event.body?.$case)
const sequences = (events: Event[]) => events.map((event) => Number(event.sequence))

async function fixture(t: ExecutionContext, options: Partial<JournalOptions> = {}) {
  const path = join(await tempDir(t), 'journal.db')
  const open = (): Journal => {
    const journal = openJournal({ path, clock: systemClock, ...options })
    t.teardown(() => journal.close())
    return journal
  }
  return { path, open, journal: open() }
}

test('an order and its end are there after the journal is opened again', async (t) => {
  const { journal, open } = await fixture(t)
  journal.recordOrder(order('a'))
  journal.recordOrder(order('b'))
  journal.recordStarted('a', 1)
  journal.recordMark('a', 1, { pid: 42, startTime: '777' })
  journal.recordFinished('b', 1, end('Succeeded'))
  journal.close()
  const again = open()
  t.deepEqual(
    again.unfinished().map(({ taskUid, state, mark }) => ({ taskUid, state, mark })),
    [{ taskUid: 'a', state: 'running', mark: { pid: 42, startTime: '777' } }],
  )
  t.is(again.order('b', 1)?.state, 'finished')
  t.is(again.order('c', 1), undefined)
  t.is(again.latestAttempt('a'), 1)
  t.true(again.hasNonce('nonce-a-1'))
  t.deepEqual(kinds(again.pending(1e6, 100)), ['started', 'finished'])
})

test('a task ends once, whoever comes second', async (t) => {
  const { journal } = await fixture(t)
  journal.recordOrder(order('a'))
  t.true(journal.recordFinished('a', 1, end('Succeeded')))
  t.false(journal.recordFinished('a', 1, end('Canceled')))
  t.false(journal.recordFinished('unknown', 1, end('Canceled')))
  t.is(journal.pending(1e6, 100).length, 1)
})

test('one order cannot be recorded twice', async (t) => {
  const { journal } = await fixture(t)
  journal.recordOrder(order('a'))
  t.throws(() => journal.recordOrder(order('a')), { message: /UNIQUE/ })
  t.is(journal.unfinished().length, 1)
})

test('output waits for company, keeps its order beside synchronous writes and is durable without them', async (t) => {
  const { journal, open } = await fixture(t)
  journal.recordOrder(order('a'))
  journal.recordStarted('a', 1)
  for (const text of ['1', '2', '3']) journal.append('a', 1, output(1, text))
  journal.append('a', 1, { $case: 'progress', value: { percent: 50, message: 'half' } })
  journal.append('a', 1, output(1, '4'))
  journal.recordFinished('a', 1, end('Succeeded'))
  const events = journal.pending(1e6, 100)
  t.deepEqual(kinds(events), ['started', 'output', 'progress', 'output', 'finished'])
  t.is(events[1]?.body?.$case === 'output' && events[1].body.value.data.toString(), '123')
  journal.append('a', 1, output(1, '5'))
  await until('the group commit', () => journal.stats().events === 6)
  journal.close()
  t.is(open().pending(1e6, 100).length, 6)
})

test('numbers survive everything being acknowledged: none is ever given twice', async (t) => {
  const { journal, open } = await fixture(t)
  journal.recordOrder(order('a'))
  journal.recordStarted('a', 1)
  t.deepEqual(sequences(journal.pending(1e6, 100)), [1])
  journal.acknowledge(1n)
  t.is(journal.stats().events, 0)
  journal.close()
  const again = open()
  again.append('a', 1, output(1))
  t.deepEqual(sequences(again.pending(1e6, 100)), [2])
  t.throws(() => again.acknowledge(3n), { message: /last one sent is 2/ })
})

test('a batch keeps to its limits but always has one event', async (t) => {
  const { journal } = await fixture(t)
  for (let index = 0; index < 10; index++) {
    journal.append('a', 1, output(1_000))
    journal.flush()
  }
  t.is(journal.pending(1e6, 3).length, 3)
  t.is(journal.pending(2_500, 100).length, 2)
  t.is(journal.pending(1, 100).length, 1)
  t.deepEqual(sequences(journal.pending(1e6, 100)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('over its bound the oldest output becomes one gap record that counts it, and results stay', async (t) => {
  const { journal } = await fixture(t, { maxBytes: 100_000 })
  journal.recordOrder(order('a'))
  journal.recordStarted('a', 1)
  t.is(journal.pending(1e6, 1).length, 1)
  for (let index = 0; index < 50; index++) {
    journal.append('a', 1, output(10_000, String(index % 10)))
    journal.append('a', 1, { $case: 'row', value: { json: Buffer.from(`{"row":${index}}`) } })
    journal.flush()
  }
  journal.recordFinished('a', 1, end('Succeeded'))
  t.true(journal.stats().bytes <= 100_000)
  const events = journal.pending(1e7, 1_000)
  t.deepEqual(
    sequences(events),
    Array.from({ length: events.length }, (_, index) => index + 1),
  )
  t.is(events.filter((event) => event.body?.$case === 'row').length, 50)
  t.is(events.at(-1)?.body?.$case, 'finished')
  const gaps = events.flatMap((event) => (event.body?.$case === 'gap' ? [event.body.value] : []))
  const kept = events.filter((event) => event.body?.$case === 'output').length
  t.is(gaps.length, 1)
  t.is(Number(gaps[0]?.droppedEvents) + kept, 50)
  t.is(journal.stats().droppedEvents, 50 - kept)
})

test('an event that was handed out is never dropped or changed, also when the bound is passed', async (t) => {
  const { journal } = await fixture(t, { maxBytes: 50_000 })
  journal.append('a', 1, output(10_000, 'A'))
  const sent = journal.pending(1e6, 10)
  for (let index = 0; index < 20; index++) {
    journal.append('a', 1, output(10_000, 'B'))
    journal.flush()
  }
  t.deepEqual(journal.pending(1e6, 1), sent)
})

test('whatever is written, sent, acknowledged and restarted: the hub sees every number once and in order, and every event is there or counted', async (t) => {
  const directory = await tempDir(t)
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('output' as const), size: fc.integer({ min: 1, max: 9_000 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'row' as const }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 8 }), isAnswered: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  )
  let run = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const path = join(directory, `${run++}.db`)
      const open = () => openJournal({ path, clock: systemClock, maxBytes: 40_000 })
      let journal = open()
      const hub: Event[] = []
      let rows = 0
      let outputs = 0
      const send = (count: number, isAnswered: boolean) => {
        const batch = journal.pending(1e6, count)
        const fresh = batch.filter((event) => event.sequence > hub.length)
        if (fresh[0]) t.is(Number(fresh[0].sequence), hub.length + 1)
        hub.push(...fresh)
        if (isAnswered) journal.acknowledge(BigInt(hub.length))
        return batch.length
      }
      for (const one of steps) {
        if (one.do === 'output') {
          journal.append('a', 1, output(one.size))
          journal.flush()
          outputs++
        } else if (one.do === 'row') {
          journal.append('a', 1, { $case: 'row', value: { json: Buffer.from(String(rows++)) } })
        } else if (one.do === 'send') send(one.count, one.isAnswered)
        else {
          journal.close()
          journal = open()
        }
      }
      while (send(7, true) > 0);
      journal.close()
      t.deepEqual(
        sequences(hub),
        hub.map((_, index) => index + 1),
      )
      t.deepEqual(
        hub.flatMap((event) => (event.body?.$case === 'row' ? [event.body.value.json.toString()] : [])),
        Array.from({ length: rows }, (_, index) => String(index)),
      )
      const dropped = hub.reduce((sum, event) => sum + (event.body?.$case === 'gap' ? Number(event.body.value.droppedEvents) : 0), 0)
      t.is(hub.filter((event) => event.body?.$case === 'output').length + dropped, outputs)
    }),
    { numRuns: 25 },
  )
})

test('a hub that has more than was ever sent raises the numbers above it, and nothing unsent is lost', async (t) => {
  const { journal, open } = await fixture(t)
  journal.recordOrder(order('a'))
  journal.recordFinished('a', 1, end('Succeeded'))
  journal.raiseSequence(1_000n)
  journal.close()
  t.deepEqual(sequences(open().pending(1e6, 10)), [1_001])
})

test('a hub that lost what it had acknowledged gets gap records in its place', async (t) => {
  const { journal, open } = await fixture(t)
  for (let index = 0; index < 5; index++) {
    journal.append('a', 1, { $case: 'row', value: { json: Buffer.from('1') } })
  }
  journal.pending(1e6, 10)
  journal.acknowledge(5n)
  journal.append('a', 1, output(1))
  journal.rewind(2n)
  journal.close()
  const events = open().pending(1e6, 10)
  t.deepEqual(sequences(events), [3, 4, 5, 6])
  t.deepEqual(kinds(events), ['gap', 'gap', 'gap', 'output'])
})

test('a full disk refuses an order with a type, changes nothing, and takes it when there is room again', async (t) => {
  const { journal } = await fixture(t, { maxBytes: 1e6, maxFileBytes: 300_000 })
  journal.recordOrder(order('small'))
  const error = t.throws(() => journal.recordOrder(order('large', 1, 500_000)), { instanceOf: JournalUnavailable })
  t.is(error.reason, 'DiskFull')
  t.is(journal.order('large', 1), undefined)
  t.regex(journal.stats().failure ?? '', /no space is left/)
  journal.append('small', 1, output(1))
  t.true(journal.flush())
  t.true(journal.recordFinished('small', 1, end('Succeeded')))
  t.is(journal.stats().failure, undefined)
})

test('on a file system that is full nothing is corrupted or lost without a count, and it goes on by itself when there is room', async (t) => {
  const directory = await tempDir(t)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', directory])
  if (mounted.status !== 0) {
    t.log('needs the right to mount a small file system')
    return t.pass()
  }
  t.teardown(() => void spawnSync('umount', ['-l', directory]))
  const path = join(directory, 'journal.db')
  const open = () => openJournal({ path, clock: systemClock, maxBytes: 400_000 })
  let journal = open()
  journal.recordOrder(order('a'))
  journal.recordStarted('a', 1)
  const filler = join(directory, 'filler')
  writeFileSync(filler, Buffer.alloc(2_800_000))
  for (let index = 0; index < 40; index++) {
    journal.append('a', 1, output(60_000))
    journal.flush()
  }
  t.truthy(journal.stats().failure)
  const error = t.throws(() => journal.recordOrder(order('b', 1, 200_000)), { instanceOf: JournalUnavailable })
  t.is(error.reason, 'DiskFull')
  rmSync(filler)
  await until('the waiting output is written by itself', () => journal.stats().failure === undefined)
  journal.recordOrder(order('b', 1, 2_000))
  t.true(journal.recordFinished('a', 1, end('Succeeded')))
  journal.close()
  journal = open()
  t.deepEqual(
    journal.unfinished().map(({ taskUid }) => taskUid),
    ['b'],
  )
  const events = journal.pending(1e7, 1_000)
  const count = events.reduce((sum, { body }) => sum + (body?.$case === 'gap' ? Number(body.value.droppedEvents) : 1), 0)
  t.is(count, 42)
  t.is(events.at(-1)?.body?.$case, 'finished')
  journal.close()
})

test('a second process is told that the journal is in use', async (t) => {
  const { journal, open } = await fixture(t)
  journal.recordOrder(order('a'))
  const error = t.throws(open, { instanceOf: OperatorError })
  t.is(error.code, 'JournalInUse')
})

test('a journal of a newer agent is refused and left alone', async (t) => {
  const { journal, open, path } = await fixture(t)
  journal.close()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  const error = t.throws(open, { instanceOf: OperatorError })
  t.is(error.code, 'JournalTooNew')
  t.true(existsSync(path))
})

test('what is synced is really asked to be: WAL with synchronous=FULL', async (t) => {
  const { path, journal } = await fixture(t)
  journal.close()
  const source = readFileSync(new URL('../../../agent/journal/schema.ts', import.meta.url), 'utf8')
  t.regex(source, /PRAGMA synchronous = FULL/)
  t.regex(source, /'synchronous'\)\) !== 2/)
  const database = new DatabaseSync(path)
  t.is((database.prepare('PRAGMA journal_mode').get() as { journal_mode: string }).journal_mode, 'wal')
  database.close()
})

async function filled(t: ExecutionContext) {
  const { journal, path } = await fixture(t)
  for (let index = 0; index < 20; index++) {
    journal.recordOrder(order(`task-${index}`, 1, 500))
    journal.recordStarted(`task-${index}`, 1)
    journal.append(`task-${index}`, 1, output(700, String(index % 10)))
    if (index % 2) journal.recordFinished(`task-${index}`, 1, end('Succeeded'))
  }
  journal.pending(1e6, 12)
  journal.acknowledge(5n)
  const content = contentOf(journal)
  journal.close()
  return { path, content }
}
const contentOf = (journal: Journal) => ({
  unfinished: journal.unfinished(),
  events: journal.pending(1e7, 1_000),
  latest: journal.latestAttempt('task-3'),
})

test('a flipped bit anywhere in the file is found at open or changes nothing; the file is never deleted', async (t) => {
  const { path, content } = await filled(t)
  const original = readFileSync(path)
  let found = 0
  let harmless = 0
  for (let offset = 0; offset < original.length; offset += 211) {
    const bytes = Buffer.from(original)
    bytes[offset] = (bytes[offset] as number) ^ (1 << (offset % 8))
    writeFileSync(path, bytes)
    let journal: Journal | undefined
    try {
      journal = openJournal({ path, clock: systemClock })
      t.deepEqual(contentOf(journal), content, `offset ${offset}`)
      harmless++
    } catch (error) {
      if (!(error instanceof OperatorError)) throw new Error(`offset ${offset}: ${String(error)}`, { cause: error })
      t.regex(error.next, /another directory|newer one|Free space|Only one agent/)
      found++
    } finally {
      journal?.close()
    }
    t.true(existsSync(path))
  }
  t.log(`${found} found, ${harmless} harmless of ${found + harmless}`)
  t.true(found > 50)
})

test('a truncated journal is found at open', async (t) => {
  const { path } = await filled(t)
  const size = statSync(path).size
  const whole = `${path}.whole`
  copyFileSync(path, whole)
  for (const length of [size - 1, size - 4096, Math.floor(size / 2), 5_000, 100]) {
    copyFileSync(whole, path)
    truncateSync(path, length)
    const error = t.throws(() => openJournal({ path, clock: systemClock }), { instanceOf: OperatorError }, `length ${length}`)
    t.is(error.code, 'JournalDamaged')
    t.regex(error.next, /move .* to another directory/)
    t.is(statSync(path).size, length)
  }
})

test('a last page that was torn in the write-ahead log loses only what was never promised', async (t) => {
  const { journal, path } = await fixture(t)
  journal.recordOrder(order('promised'))
  const copy = join(await tempDir(t), 'journal.db')
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  appendFileSync(`${copy}-wal`, Buffer.alloc(3_000, 7))
  const again = openJournal({ path: copy, clock: systemClock })
  t.is(again.unfinished()[0]?.taskUid, 'promised')
  again.close()
})

test('finished orders are forgotten only when old, reported and beyond the newest 5,000', async (t) => {
  const { journal } = await fixture(t)
  for (let index = 0; index < 5_010; index++) journal.recordTombstone(order(`t-${index}`), end('Canceled'))
  journal.prune(2_000)
  t.is(journal.order('t-0', 1)?.state, 'finished')
  while (journal.pending(1e6, 1_000).length > 0) journal.acknowledge(journal.lastSequence())
  journal.prune(500)
  t.is(journal.order('t-0', 1)?.state, 'finished')
  journal.prune(2_000)
  t.is(journal.order('t-0', 1), undefined)
  t.is(journal.order('t-5009', 1)?.state, 'finished')
  t.is(journal.order('t-10', 1)?.state, 'finished')
})
