// What the agent's journal offers. Two things live in it: orders (what the hub asked for and how far it got) and the outbox
// (events for the hub). Everything that returns has been synced to disk unless it says otherwise.
import type { Event, Finished } from '#proto/moorline/v1/control.ts'

export type EventBody = NonNullable<Event['body']>

/**
 * accepted   entry: the order is durable, before it is acknowledged.   exits: running, finished
 * running    entry: the action starts.                                 exits: finished
 * finished   the result is in the outbox; stays to recognise copies.
 */
export type OrderState = 'accepted' | 'running' | 'finished'

/** Written before a process is spawned and again when its pid is known, so that a restart can tell what may be left of it. */
export interface ProcessMark {
  /** 0 until it is known. */
  pid: number
  /** Field 22 of /proc/PID/stat, '' until it is known. */
  startTime: string
}

export interface OrderRecord {
  taskUid: string
  attempt: number
  /** The TaskOrder message, as the hub signed it. Empty in the record of a task that was canceled before it arrived. */
  order: Buffer
  nonce: string
  /** Hub time in milliseconds after which a copy would be refused anyway. */
  notAfterMs: number
  state: OrderState
  isCancelRequested: boolean
  mark?: ProcessMark
}

export interface JournalStats {
  events: number
  bytes: number
  /** Output and progress events that gap records stand for, since this process started. */
  droppedEvents: number
  /** Why the last write failed; undefined when it worked. */
  failure?: string
}

export interface Journal {
  order(taskUid: string, attempt: number): OrderRecord | undefined
  /** Highest attempt of a task that the journal knows, 0 when none. */
  latestAttempt(taskUid: string): number
  hasNonce(nonce: string): boolean
  /** Orders that are not finished, oldest first. */
  unfinished(): OrderRecord[]
  /** The five below are synced when they return and throw JournalUnavailable when the disk refuses: nothing has changed then. */
  recordOrder(order: Omit<OrderRecord, 'state' | 'isCancelRequested' | 'mark'>): void
  recordStarted(taskUid: string, attempt: number): void
  recordCancel(taskUid: string, attempt: number): void
  recordMark(taskUid: string, attempt: number, mark: ProcessMark): void
  /** Order finished and Finished event in one transaction; false when it was finished before (nothing is written then). */
  recordFinished(taskUid: string, attempt: number, finished: Finished): boolean
  /** A task that was canceled before its order arrived: a finished order and its event, so that the late order is a duplicate. */
  recordTombstone(order: Omit<OrderRecord, 'state' | 'isCancelRequested' | 'mark'>, finished: Finished): void

  /** Output, progress and rows: durable within the commit delay (or with the next synchronous write); order is kept. Never throws. */
  append(taskUid: string, attempt: number, body: EventBody): void
  /** Writes what `append` has gathered. False when the disk refused; it is tried again. */
  flush(): boolean

  /**
   * The next events to send, numbered without holes from the last acknowledged one, at most `limitBytes` (but always one) and `limitCount`.
   * A number is given, durably, when an event is first handed out: never two events with one number, never one event with two.
   */
  pending(limitBytes: number, limitCount: number): Event[]
  /** Deletes events up to and including `sequence`. */
  acknowledge(sequence: bigint): void
  /** The last number given out. */
  lastSequence(): bigint
  acknowledgedSequence(): bigint
  /** The hub has more than this journal ever sent (it was restored from an old copy): numbering goes on above it. */
  raiseSequence(sequence: bigint): void
  /** The hub has less than it once acknowledged (it was restored from an old copy): gap records take the place of what is gone. */
  rewind(sequence: bigint): void
  /** Puts another body in place of a numbered event that the hub cannot take. */
  replaceBody(sequence: bigint, body: EventBody): void
  /** Called after each commit that added events. */
  onAppended(listener: () => void): { close(): void }
  stats(): JournalStats
  /** Forgets finished orders whose result is acknowledged and whose copies would be refused by age, except the newest 5,000. */
  prune(hubTimeMs: number): void
  close(): void
}
