// The table of events for the hub. Owns numbering, the bound on its size and gap records; owns no transaction (open.ts does).
//
// An event is stored without a number. It gets one, in order and durably, when it is first handed out to be sent. So
//  * what was never handed out can be dropped and merged into a gap record without leaving a hole,
//  * what was handed out never changes its number, whatever crashes,
//  * the hub's word on what it has committed always comes before the first number is given.
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { Event } from '#proto/moorline/v1/control.ts'
import type { EventBody } from './types.ts'

/** What a row costs besides its payload; counted, so that many tiny events are bounded too. */
const rowBytes = 64
/** When the bound is passed, space is made down to this part of it, so that it is not passed again at once. */
const shrinkTo = 0.75

interface Row {
  id: number
  sequence: number | null
  task_uid: string
  attempt: number
  kind: string
  payload: Uint8Array
  checksum: number
}

export interface NewEvent {
  taskUid: string
  attempt: number
  at: Date
  body: EventBody
}

function checksumOf(taskUid: string, attempt: number, kind: string, payload: Uint8Array): number {
  return crc32(payload, crc32(`${taskUid}|${attempt}|${kind}`))
}

function encode(event: NewEvent): Uint8Array {
  return Event.encode({ sequence: 0n, ...event }).finish()
}

function toEvent(row: Row, sequence: number): Event {
  const event = Event.decode(row.payload)
  event.sequence = BigInt(sequence)
  return event
}

export function createOutbox(database: DatabaseSync, maxBytes: number) {
  const meta = database.prepare('SELECT value FROM meta WHERE key = ?')
  const setMeta = database.prepare('UPDATE meta SET value = ? WHERE key = ?')
  const insert = database.prepare(
    'INSERT INTO events (id, sequence, task_uid, attempt, kind, payload, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const size = database.prepare(`SELECT count(*) AS events, coalesce(sum(length(payload) + ${rowBytes}), 0) AS bytes FROM events`)
  const numbered = database.prepare('SELECT * FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?')
  const unnumbered = database.prepare('SELECT * FROM events WHERE sequence IS NULL ORDER BY id LIMIT ?')
  const assign = database.prepare('UPDATE events SET sequence = ? WHERE id = ?')
  const acknowledgedSize = database.prepare(
    `SELECT count(*) AS events, coalesce(sum(length(payload) + ${rowBytes}), 0) AS bytes FROM events WHERE sequence <= ?`,
  )
  const deleteAcknowledged = database.prepare('DELETE FROM events WHERE sequence <= ?')
  const droppable = database.prepare(
    `SELECT id, task_uid, attempt, length(payload) AS bytes FROM events WHERE sequence IS NULL AND kind IN ('output', 'progress') ORDER BY id`,
  )
  const deleteRow = database.prepare('DELETE FROM events WHERE id = ?')
  const gapOf = database.prepare(`SELECT * FROM events WHERE sequence IS NULL AND kind = 'gap' AND task_uid = ? AND attempt = ?`)
  const replace = database.prepare('UPDATE events SET kind = ?, payload = ?, checksum = ? WHERE id = ?')
  const bySequence = database.prepare('SELECT * FROM events WHERE sequence = ?')
  const all = database.prepare('SELECT * FROM events ORDER BY id')
  const span = database.prepare('SELECT count(sequence) AS count, min(sequence) AS first, max(sequence) AS last FROM events')

  const readMeta = (key: string) => Number((meta.get(key) as { value: number }).value)
  // Kept in memory beside the table; `reload` after a rollback.
  let totals = { events: 0, bytes: 0, last: 0, acknowledged: 0 }
  let droppedEvents = 0
  const reload = () => {
    const { events, bytes } = size.get() as { events: number; bytes: number }
    totals = { events, bytes, last: readMeta('last_sequence'), acknowledged: readMeta('acknowledged') }
  }
  reload()

  const put = (event: NewEvent, id: number | null = null, sequence: number | null = null) => {
    const payload = encode(event)
    const kind = event.body.$case
    insert.run(id, sequence, event.taskUid, event.attempt, kind, payload, checksumOf(event.taskUid, event.attempt, kind, payload))
    totals.events++
    totals.bytes += payload.length + rowBytes
  }
  const putBody = (row: Row, event: NewEvent) => {
    const payload = encode(event)
    replace.run(event.body.$case, payload, checksumOf(row.task_uid, row.attempt, event.body.$case, payload), row.id)
    totals.bytes += payload.length - row.payload.length
  }

  /** Oldest output first, until there is room. At most one gap record per task is not yet numbered: a later drop is added to it. */
  const shrink = (at: Date) => {
    const dropped = new Map<string, { id: number; taskUid: string; attempt: number; events: bigint; bytes: bigint }>()
    for (const row of droppable.all() as { id: number; task_uid: string; attempt: number; bytes: number }[]) {
      if (totals.bytes <= maxBytes * shrinkTo) break
      deleteRow.run(row.id)
      totals.events--
      totals.bytes -= row.bytes + rowBytes
      const key = `${row.task_uid}|${row.attempt}`
      const entry = dropped.get(key) ?? { id: row.id, taskUid: row.task_uid, attempt: row.attempt, events: 0n, bytes: 0n }
      entry.events++
      entry.bytes += BigInt(row.bytes)
      dropped.set(key, entry)
    }
    for (const { id, taskUid, attempt, events, bytes } of dropped.values()) {
      droppedEvents += Number(events)
      const old = gapOf.get(taskUid, attempt) as Row | undefined
      const before = old && Event.decode(old.payload)
      const gap = before?.body?.$case === 'gap' ? before.body.value : { droppedEvents: 0n, droppedBytes: 0n }
      const value = { droppedEvents: gap.droppedEvents + events, droppedBytes: gap.droppedBytes + bytes }
      const event: NewEvent = { taskUid, attempt, at: before?.at ?? at, body: { $case: 'gap', value } }
      if (old) putBody(old, event)
      else put(event, id)
    }
  }

  return {
    reload,
    stats: () => ({ events: totals.events, bytes: totals.bytes, droppedEvents }),
    last: () => totals.last,
    acknowledged: () => totals.acknowledged,
    add(events: readonly NewEvent[], now: Date): void {
      for (const event of events) put(event)
      if (totals.bytes > maxBytes) shrink(now)
    },
    /** True when `pending` has to give out numbers, which is a write. */
    read(limitBytes: number, limitCount: number): { events: Event[]; fresh: Row[] } {
      const events: Event[] = []
      let bytes = 0
      const hasRoom = (row: Row) => {
        bytes += row.payload.length + 16
        return events.length === 0 || bytes <= limitBytes
      }
      for (const row of numbered.iterate(totals.acknowledged, limitCount) as Iterable<unknown> as Iterable<Row>) {
        if (!hasRoom(row)) return { events, fresh: [] }
        events.push(toEvent(row, row.sequence as number))
      }
      const fresh: Row[] = []
      if (events.length < limitCount)
        for (const row of unnumbered.iterate(limitCount - events.length) as Iterable<unknown> as Iterable<Row>) {
          if (!hasRoom(row)) break
          fresh.push(row)
          events.push(toEvent(row, totals.last + fresh.length))
        }
      return { events, fresh }
    },
    number(rows: readonly Row[]): void {
      for (const row of rows) assign.run(++totals.last, row.id)
      setMeta.run(totals.last, 'last_sequence')
    },
    acknowledge(sequence: number): void {
      const gone = acknowledgedSize.get(sequence) as { events: number; bytes: number }
      deleteAcknowledged.run(sequence)
      setMeta.run(sequence, 'acknowledged')
      totals.acknowledged = sequence
      totals.events -= gone.events
      totals.bytes -= gone.bytes
    },
    raise(sequence: number): void {
      deleteAcknowledged.run(sequence)
      setMeta.run(sequence, 'acknowledged')
      setMeta.run(sequence, 'last_sequence')
      reload()
    },
    rewind(sequence: number, now: Date): void {
      for (let lost = sequence + 1; lost <= totals.acknowledged; lost++)
        put({ taskUid: '', attempt: 0, at: now, body: { $case: 'gap', value: { droppedEvents: 1n, droppedBytes: 0n } } }, null, lost)
      setMeta.run(sequence, 'acknowledged')
      totals.acknowledged = sequence
    },
    replaceBody(sequence: number, body: EventBody): void {
      const row = bySequence.get(sequence) as Row | undefined
      if (!row) return
      putBody(row, { taskUid: row.task_uid, attempt: row.attempt, at: Event.decode(row.payload).at ?? new Date(0), body })
    },
    /** What SQLite's own check does not see: content that was changed, numbers that do not fit together. */
    firstDamaged(): string | undefined {
      for (const row of all.iterate() as Iterable<unknown> as Iterable<Row>)
        if (checksumOf(row.task_uid, row.attempt, row.kind, row.payload) !== row.checksum) return `event ${row.id} has a wrong checksum`
      const { count, first, last } = span.get() as { count: number; first: number | null; last: number | null }
      const expectedFirst = totals.acknowledged + 1
      const isWhole =
        count === 0 ? totals.last === totals.acknowledged : first === expectedFirst && last === totals.last && count === last - first + 1
      if (!isWhole)
        return `its events are numbered ${first}–${last} (${count}) but it acknowledged ${totals.acknowledged} and gave out ${totals.last}`
      return undefined
    },
  }
}
