// Moves events from the journal to the hub: in order, one batch in flight, deleted only when the hub says that they are durable there.
//
//   down     nothing is sent.                                    → up: onUp(what the hub has committed)
//   up       batches are sent until the journal is empty.        → waiting: no answer, Busy;  → down: onDown
//   waiting  full jitter, then sends again.                      → up, down
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { type BackoffOptions, fullJitterMs } from '#shared/flow/backoff.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import type { Event, EventAck, EventBatch } from '#proto/moorline/v1/control.ts'
import type { Journal } from '#agent/journal/types.ts'

export interface PumpOptions {
  journal: Journal
  /** Rejects when there is no answer in time. */
  send: (batch: EventBatch) => Promise<EventAck>
  clock: Clock
  random: () => number
  log: Log
}

export interface Pump {
  /** There may be something to send. The pump hears of new events by itself. */
  kick(): void
  onUp(committedSequence: bigint): void
  onDown(): void
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>
}

const rejectionsNeeded = 8
const backoff: BackoffOptions = { baseMs: 250, maxMs: 30_000 }

export function createPump({ journal, send, clock, random, log }: PumpOptions): Pump {
  let isUp = false
  let isStopped = false
  let failures = 0
  let timer: Timer | undefined
  let flight: Promise<void> | undefined
  /** Changes with each connection: an answer to a batch of an earlier one is still true, its failure says nothing about this one. */
  let connection = 0
  /** After Invalid, events go one by one until the bad one is found. */
  let isSingle = false
  let rejections = 0

  function kick(): void {
    if (!isUp || isStopped || flight || timer) return
    flight = Promise.resolve()
      .then(drain)
      .catch((error: unknown) => void retry(messageOf(error)))
      .finally(() => {
        flight = undefined
        if (!timer && isUp && !isStopped && journal.stats().events > 0) kick()
      })
  }

  async function drain(): Promise<void> {
    while (isUp && !isStopped) {
      const events = journal.pending(limits.eventBatchBytes, isSingle ? 1 : limits.eventBatchCount)
      if (events.length === 0) return
      const sentOn = connection
      let ack: EventAck
      try {
        ack = await send({ events })
      } catch (error) {
        if (sentOn !== connection) continue
        retry(messageOf(error))
        return
      }
      if (!take(ack, events)) return
    }
  }

  /** False: wait before the next batch. */
  function take(ack: EventAck, events: Event[]): boolean {
    if (ack.refused === 'Busy') return retry(ack.message || 'the hub is busy')
    if (ack.refused === 'Invalid') return takeInvalid(ack, events)
    const before = journal.acknowledgedSequence()
    if (ack.committedSequence > journal.lastSequence()) return retry('the hub acknowledged events that were never sent')
    failpoint('agent.events.acknowledged')
    // An answer that was overtaken by a later one says less than is known: nothing to do.
    journal.acknowledge(ack.committedSequence)
    if (ack.refused !== '')
      log.warn({ refused: ack.refused, committed: String(ack.committedSequence) }, `the hub took no events: ${ack.message}`)
    // Gap: sent again from what it has. When that is what it was sent, there is nothing to do but to wait.
    if (journal.acknowledgedSequence() === before) return retry(ack.message || 'the hub acknowledged nothing')
    failures = 0
    rejections = 0
    isSingle = false
    return true
  }

  /** One event that the hub cannot take must not stand in the way of all that follow; a result is never lost without a word. */
  function takeInvalid(ack: EventAck, events: Event[]): boolean {
    const [first] = events
    if (!first) return true
    if (events.length > 1) {
      isSingle = true
      return true
    }
    log.error(
      { taskUid: first.taskUid, sequence: String(first.sequence), kind: first.body?.$case },
      `the hub cannot take an event: ${ack.message}`,
    )
    // Said once, it may be about the session; only what is refused again and again is taken to be about the event.
    if (first.body?.$case === 'gap' || ++rejections < rejectionsNeeded) return retry(ack.message)
    rejections = 0
    const isEnd = first.body?.$case === 'finished' && first.body.value.reason !== 'ResultRejected'
    if (isEnd) {
      const value = {
        state: 'Failed',
        reason: 'ResultRejected',
        message: `the hub could not take the result: ${ack.message}`.slice(0, 1024),
        resultJson: Buffer.alloc(0),
      }
      journal.replaceBody(first.sequence, { $case: 'finished', value })
    } else {
      journal.replaceBody(first.sequence, { $case: 'gap', value: { droppedEvents: 1n, droppedBytes: 0n } })
    }
    return true
  }

  /** At the start of a connection: both ways of not agreeing mean that one side was restored from an old copy. */
  function settle(committed: bigint): void {
    if (committed > journal.lastSequence()) {
      log.error(
        { committed: String(committed), last: String(journal.lastSequence()) },
        'the hub has more events than this journal ever sent: the journal was restored from an old copy or another machine uses this identity; numbering goes on above the hub',
      )
      journal.raiseSequence(committed)
    } else if (committed < journal.acknowledgedSequence()) {
      log.error(
        { committed: String(committed), acknowledged: String(journal.acknowledgedSequence()) },
        'the hub has fewer events than it acknowledged: it was restored from an old copy; gap records take their place',
      )
      journal.rewind(committed)
    } else {
      journal.acknowledge(committed)
    }
  }

  function retry(why: string): false {
    if (!isUp || isStopped) return false
    const delayMs = fullJitterMs(failures++, random(), backoff)
    log.debug({ delayMs, why }, 'events wait')
    timer = clock.setTimer(
      delayMs,
      () => {
        timer = undefined
        kick()
      },
      true,
    )
    return false
  }

  const clearTimer = () => {
    timer?.cancel()
    timer = undefined
  }
  const subscription = journal.onAppended(kick)

  return {
    kick,
    onUp(committedSequence) {
      connection++
      failures = 0
      clearTimer()
      isUp = true
      try {
        settle(committedSequence)
        kick()
      } catch (error) {
        retry(messageOf(error))
      }
    },
    onDown() {
      connection++
      isUp = false
      clearTimer()
    },
    async stop() {
      isStopped = true
      subscription.close()
      clearTimer()
      await flight
    },
  }
}
