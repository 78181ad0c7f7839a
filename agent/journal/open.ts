// The agent's durable memory: one SQLite file (WAL, synchronous=FULL). Owns transactions and the group commit of output;
// the tables are orders.ts and outbox.ts. Must not know what a task does or how events travel.
import type { DatabaseSync } from 'node:sqlite'
import { limits } from '#shared/contract/limits.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import type { Finished } from '#proto/moorline/v1/control.ts'
import { damaged, writeFailure } from './errors.ts'
import { createOrders } from './orders.ts'
import { createOutbox, type NewEvent } from './outbox.ts'
import { openDatabase, transaction } from './schema.ts'
import type { EventBody, Journal, OrderRecord } from './types.ts'

export interface JournalOptions {
  path: string
  clock: Clock
  /** Bound of the events kept; beyond it the oldest output becomes a gap record. */
  maxBytes?: number
  /** Hard bound of the file: a write beyond it is refused like a full disk. */
  maxFileBytes?: number
  /** How long output may wait for company before it is synced. */
  commitDelayMs?: number
}

const retryMs = 1_000

/** Joins `next` to `last` when both are output of one stream and fit one chunk: a program that prints byte by byte costs one row per commit. */
function mergeOutput(last: NewEvent | undefined, next: NewEvent): boolean {
  if (last?.body.$case !== 'output' || next.body.$case !== 'output') return false
  if (last.taskUid !== next.taskUid || last.attempt !== next.attempt || last.body.value.stream !== next.body.value.stream) return false
  if (last.body.value.data.length + next.body.value.data.length > limits.outputChunkBytes) return false
  last.body.value.data = Buffer.concat([last.body.value.data, next.body.value.data])
  return true
}

/** Gives the write-ahead log's space back, which may be what a full file system needs. */
function shrinkLog(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // No room even for that: the write that failed has said so, and it is tried again.
  }
}

/** Throws OperatorError: JournalDamaged, JournalTooNew, JournalInUse, JournalUnwritable. */
export function openJournal(options: JournalOptions): Journal {
  const { path, clock, maxBytes = limits.journalBytes, commitDelayMs = 10 } = options
  const database = openDatabase(path, options.maxFileBytes ?? 4 * maxBytes)
  const orders = createOrders(database)
  const outbox = createOutbox(database, maxBytes)
  const damage = orders.firstDamaged() ?? outbox.firstDamaged()
  if (damage) {
    database.close()
    throw damaged(path, damage)
  }

  const listeners = new Set<() => void>()
  let gathered: NewEvent[] = []
  let timer: Timer | undefined
  let failure: string | undefined

  /** One transaction for what was gathered and for `change`; throws JournalUnavailable and leaves memory as it was. */
  function commit<T>(change: () => T, events: NewEvent[] = []): T {
    const waiting = gathered
    try {
      const value = transaction(database, () => {
        const result = change()
        if (waiting.length + (result === false ? 0 : events.length) > 0)
          outbox.add(result === false ? waiting : [...waiting, ...events], clock.now())
        return result
      })
      failure = undefined
      gathered = []
      if (waiting.length + events.length > 0) for (const listener of listeners) listener()
      return value
    } catch (error) {
      if (database.isOpen) outbox.reload()
      const known = writeFailure(path, error)
      failure = (known as Error).message
      throw known
    }
  }

  function flush(): boolean {
    timer?.cancel()
    timer = undefined
    if (gathered.length === 0) return true
    try {
      commit(() => undefined)
      return true
    } catch {
      // Kept in `failure` (the agent's status shows it) and tried again: output that waits is bounded by `boundGathered`.
      boundGathered()
      shrinkLog(database)
      timer = clock.setTimer(retryMs, flush, true)
      return false
    }
  }

  /** While the disk refuses, at most a quarter of the bound waits in memory; the oldest output is dropped for a gap. */
  function boundGathered(): void {
    let bytes = gathered.reduce((sum, event) => sum + (event.body.$case === 'output' ? event.body.value.data.length : 256), 0)
    const gaps = new Map<string, NewEvent>()
    if (bytes <= maxBytes / 4) return
    gathered = gathered.filter((event) => {
      if (event.body.$case !== 'output' || bytes <= maxBytes / 8) return true
      const size = event.body.value.data.length
      bytes -= size
      const key = `${event.taskUid}|${event.attempt}`
      const gap = gaps.get(key) ?? { ...event, body: { $case: 'gap', value: { droppedEvents: 0n, droppedBytes: 0n } } }
      if (gap.body.$case === 'gap') {
        gap.body.value.droppedEvents++
        gap.body.value.droppedBytes += BigInt(size)
      }
      gaps.set(key, gap)
      return false
    })
    gathered.unshift(...gaps.values())
  }

  const eventOf = (taskUid: string, attempt: number, body: EventBody): NewEvent => ({ taskUid, attempt, at: clock.now(), body })
  const finishedEvent = (taskUid: string, attempt: number, value: Finished) => [eventOf(taskUid, attempt, { $case: 'finished', value })]
  const record = (order: Omit<OrderRecord, 'state' | 'isCancelRequested' | 'mark'>): OrderRecord => ({
    ...order,
    state: 'accepted',
    isCancelRequested: false,
  })

  return {
    order: orders.get,
    latestAttempt: orders.latestAttempt,
    hasNonce: orders.hasNonce,
    unfinished: orders.unfinished,
    recordOrder: (order) => commit(() => orders.insert(record(order))),
    recordStarted(taskUid, attempt) {
      commit(() => orders.change(taskUid, attempt, { state: 'running' }), [eventOf(taskUid, attempt, { $case: 'started', value: {} })])
    },
    recordCancel: (taskUid, attempt) => void commit(() => orders.change(taskUid, attempt, { isCancelRequested: true })),
    recordMark: (taskUid, attempt, mark) => void commit(() => orders.change(taskUid, attempt, { mark })),
    recordFinished: (taskUid, attempt, finished) =>
      commit(() => orders.change(taskUid, attempt, { state: 'finished' }), finishedEvent(taskUid, attempt, finished)),
    recordTombstone: (order, finished) =>
      commit(
        () => orders.insert({ ...record(order), state: 'finished', isCancelRequested: true }),
        finishedEvent(order.taskUid, order.attempt, finished),
      ),

    append(taskUid, attempt, body) {
      const event = eventOf(taskUid, attempt, body)
      if (!mergeOutput(gathered.at(-1), event)) gathered.push(event)
      timer ??= clock.setTimer(commitDelayMs, flush)
    },
    flush,

    pending(limitBytes, limitCount) {
      flush()
      const { events, fresh } = outbox.read(limitBytes, limitCount)
      if (fresh.length > 0) commit(() => outbox.number(fresh))
      return events
    },
    acknowledge(sequence) {
      const upTo = Number(sequence)
      if (upTo > outbox.last()) throw new Error(`the hub acknowledged event ${upTo} but the last one sent is ${outbox.last()}`)
      if (upTo > outbox.acknowledged()) commit(() => outbox.acknowledge(upTo))
    },
    lastSequence: () => BigInt(outbox.last()),
    acknowledgedSequence: () => BigInt(outbox.acknowledged()),
    raiseSequence(sequence) {
      if (Number(sequence) > outbox.last()) commit(() => outbox.raise(Number(sequence)))
    },
    rewind(sequence) {
      if (Number(sequence) < outbox.acknowledged()) commit(() => outbox.rewind(Number(sequence), clock.now()))
    },
    replaceBody: (sequence, body) => commit(() => outbox.replaceBody(Number(sequence), body)),
    onAppended(listener) {
      listeners.add(listener)
      return { close: () => void listeners.delete(listener) }
    },
    stats: () => ({ ...outbox.stats(), failure }),
    prune: (hubTimeMs) => commit(() => orders.prune(hubTimeMs)),
    close() {
      flush()
      timer?.cancel()
      listeners.clear()
      if (database.isOpen) database.close()
    },
  }
}
