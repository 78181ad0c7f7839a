// The agent's tasks: takes orders, runs them, records every end exactly once. Write before you act: an order is in the journal before
// it is acknowledged, a start before the action runs, a result before anyone hears of it. Knows nothing of NATS.
import { randomBytes } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import { type CancelOrder, type Finished, type OrderAck, OrderOutcome, type SignedOrder, TaskOrder } from '#proto/moorline/v1/control.ts'
import type { Actions } from '#agent/actions/types.ts'
import type { Journal, OrderRecord } from '#agent/journal/types.ts'
import { type AttemptKey, createContext, finished, perform, startTimeout, type StopReason } from './attempt.ts'
import type { Policy } from './policy.ts'
import { createSlots } from './slots.ts'
import { checkAge, openOrder, parseInput, type Refusal, refuse } from './verify.ts'

export interface TaskRunnerOptions {
  journal: Journal
  actions: Actions
  policy: Policy
  agentId: string
  /** Raw ed25519 public keys that the hub may sign with: current, next. */
  signingKeys: () => Buffer[]
  /** The hub's clock as this agent knows it. */
  hubTime: () => Date
  clock: Clock
  log: Log
  maxConcurrent?: number
}

export interface TaskRunner {
  /** Resolves when the order is durable (ACCEPTED), known (DUPLICATE) or refused; UNSPECIFIED asks the hub to send it again later. */
  accept(order: SignedOrder): Promise<OrderAck>
  cancel(order: SignedOrder): Promise<OrderAck>
  /** Called once after start: takes up what an earlier process left. */
  resume(): void
  /** Orders that run or wait for a slot. */
  running(): number
  /** Ends running actions without an end for their tasks: the next start takes them up. */
  stop(): Promise<void>
}

interface Active {
  key: AttemptKey
  abort: AbortController
  why?: StopReason
  done: Promise<void>
}

const recordRetryMs = 1_000
const pruneEvery = 64

export function createTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { journal, actions, policy, clock, log } = options
  const active = new Map<string, Active>()
  const slots = createSlots(options.maxConcurrent ?? 4)
  let isStopping = false
  let ended = 0
  const nameOf = ({ taskUid, attempt }: AttemptKey) => `${taskUid}/${attempt}`

  const ack = (key: AttemptKey, outcome: OrderOutcome, reason = '', message = ''): OrderAck => ({
    taskUid: key.taskUid,
    attempt: key.attempt,
    outcome,
    reason,
    message,
  })
  // Never the whole order: its input may hold secrets.
  const refused = (key: AttemptKey, { reason, message }: Refusal) => {
    log.warn({ taskUid: key.taskUid, attempt: key.attempt, reason }, `order refused: ${message}`)
    return ack(key, OrderOutcome.REFUSED, reason, message)
  }
  /** Nothing was changed: the hub sends it again. */
  const later = (key: AttemptKey, error: unknown) => {
    log.error({ taskUid: key.taskUid, attempt: key.attempt, error: messageOf(error) }, 'an order could not be recorded')
    return ack(key, OrderOutcome.UNSPECIFIED, 'JournalUnavailable', messageOf(error))
  }

  /** Records the end; while the disk refuses, tries again until it does not. */
  async function recordEnd(key: AttemptKey, end: Finished): Promise<void> {
    for (;;) {
      try {
        journal.recordFinished(key.taskUid, key.attempt, end)
        failpoint('agent.result.recorded')
        if (++ended % pruneEvery === 0) journal.prune(options.hubTime().getTime())
        return
      } catch (error) {
        if (isStopping) return
        log.error({ ...key, error: messageOf(error) }, 'the end of a task could not be recorded; trying again')
        await new Promise<void>((resolve) => clock.setTimer(recordRetryMs, resolve))
      }
    }
  }

  async function recordStart(key: AttemptKey, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        journal.recordStarted(key.taskUid, key.attempt)
        return true
      } catch (error) {
        log.error({ ...key, error: messageOf(error) }, 'the start of a task could not be recorded; trying again')
        await new Promise<void>((resolve) => clock.setTimer(recordRetryMs, resolve))
      }
    }
    return false
  }

  async function run(record: OrderRecord, entry: Active): Promise<void> {
    const { key, abort } = entry
    const order = TaskOrder.decode(record.order)
    // Checked again: the machine's policy may have changed since the order was accepted.
    const parsed = parseInput(order)
    const verdict = parsed.ok ? policy.allows(parsed.value.action, parsed.value.input) : parsed
    if (!parsed.ok || !verdict.ok) {
      const { reason, message } = verdict as Refusal
      return recordEnd(key, finished('Failed', reason, message))
    }
    const action = actions[parsed.value.action]
    const isAgain = record.state === 'running'
    if (isAgain && action.afterCrash === 'interrupt' && record.mark) return endInterrupted(record, action)
    const timeout = startTimeout(clock, Number(order.timeoutMs), () => stopOne(entry, 'TimedOut'))
    let release: (() => void) | undefined
    try {
      release = await slots.take(action.isMutating, abort.signal)
      // Also when it runs again: the hub then forgets the rows of the first run.
      if (release && (await recordStart(key, abort.signal))) {
        const context = createContext(journal, key, abort.signal)
        if (isAgain) context.output('system', 'the agent was restarted while this ran; it runs again\n')
        const end = await perform(action, parsed.value.input, context, { reason: () => entry.why })
        if (end) await recordEnd(key, end)
      } else if (entry.why !== 'AgentStopping') {
        const state = entry.why ?? 'Canceled'
        await recordEnd(key, finished(state, state, `${state === 'Canceled' ? 'canceled' : 'timed out'} before it ran`))
      }
    } finally {
      timeout?.cancel()
      release?.()
    }
  }

  async function endInterrupted(record: OrderRecord, action: Actions[keyof Actions]): Promise<void> {
    const { taskUid, attempt, mark } = record
    const remains = await action.endRemains?.({ taskUid, attempt, pid: mark?.pid ?? 0, startTime: mark?.startTime ?? '' })
    const message = `the agent was restarted while this ran, so it is not known how far it got; ${remains ?? 'it was not run again'}`
    const state = record.isCancelRequested ? 'Canceled' : 'Failed'
    await recordEnd({ taskUid, attempt }, finished(state, 'Interrupted', message))
  }

  function start(record: OrderRecord): void {
    const key = { taskUid: record.taskUid, attempt: record.attempt }
    const older = [...active.values()].filter((entry) => entry.key.taskUid === key.taskUid)
    const entry: Active = { key, abort: new AbortController(), done: Promise.resolve() }
    active.set(nameOf(key), entry)
    for (const other of older) stopOne(other, 'Canceled')
    if (record.isCancelRequested) stopOne(entry, 'Canceled')
    entry.done = Promise.all(older.map((other) => other.done))
      .then(() => run(record, entry))
      .catch((error: unknown) => {
        log.error({ ...key, error: messageOf(error) }, 'a task failed in the agent itself')
        return recordEnd(key, finished('Failed', 'AgentError', messageOf(error)))
      })
      .finally(() => active.delete(nameOf(key)))
  }

  function stopOne(entry: Active, why: StopReason): void {
    entry.why ??= why
    entry.abort.abort()
  }

  async function accept(signed: SignedOrder): Promise<OrderAck> {
    failpoint('agent.order.received')
    const opened = openOrder(signed, options.agentId, options.signingKeys())
    if (!opened.ok) return refused({ taskUid: '', attempt: 0 }, opened)
    if (opened.value.$case !== 'task') return refused(opened.value.value, refuse('BadOrder', 'this is not an order to run a task'))
    const order = opened.value.value
    if (journal.order(order.taskUid, order.attempt)) return ack(order, OrderOutcome.DUPLICATE)
    const refusal = judge(order)
    if (refusal) return refused(order, refusal)
    try {
      const bytes = Buffer.from(TaskOrder.encode(order).finish())
      journal.recordOrder({ ...order, order: bytes, notAfterMs: order.notAfter?.getTime() ?? 0 })
    } catch (error) {
      return later(order, error)
    }
    failpoint('agent.order.journalled')
    const record = journal.order(order.taskUid, order.attempt)
    if (record && !isStopping) start(record)
    return ack(order, OrderOutcome.ACCEPTED)
  }

  function judge(order: TaskOrder): Refusal | undefined {
    const age = checkAge(order, options.hubTime())
    if (!age.ok) return age
    const latest = journal.latestAttempt(order.taskUid)
    if (latest > order.attempt) return refuse('OldAttempt', `attempt ${latest} of this task is known already`)
    if (journal.hasNonce(order.nonce)) return refuse('Replayed', 'the nonce of this order has been used')
    const parsed = parseInput(order)
    if (!parsed.ok) return parsed
    const verdict = policy.allows(parsed.value.action, parsed.value.input)
    return verdict.ok ? undefined : refuse(verdict.reason, verdict.message)
  }

  async function cancel(signed: SignedOrder): Promise<OrderAck> {
    const opened = openOrder(signed, options.agentId, options.signingKeys())
    if (!opened.ok) return refused({ taskUid: '', attempt: 0 }, opened)
    if (opened.value.$case !== 'cancel') return refused(opened.value.value, refuse('BadOrder', 'this is not an order to cancel a task'))
    const order = opened.value.value
    const known = journal.order(order.taskUid, order.attempt)
    if (known?.state === 'finished' || known?.isCancelRequested) return ack(order, OrderOutcome.DUPLICATE)
    const age = checkAge(order, options.hubTime())
    if (!age.ok) return refused(order, age)
    try {
      if (known) journal.recordCancel(order.taskUid, order.attempt)
      else recordCanceledBefore(order)
    } catch (error) {
      return later(order, error)
    }
    const entry = active.get(nameOf(order))
    if (entry) stopOne(entry, 'Canceled')
    return ack(order, OrderOutcome.ACCEPTED)
  }

  /** The cancel overtook its order: remembered, so that the order is a duplicate when it comes. */
  function recordCanceledBefore({ taskUid, attempt, notAfter }: CancelOrder): void {
    const nonce = randomBytes(16).toString('hex')
    const notAfterMs = notAfter?.getTime() ?? 0
    const end = finished('Canceled', 'Canceled', 'canceled before it reached the machine')
    journal.recordTombstone({ taskUid, attempt, order: Buffer.alloc(0), nonce, notAfterMs }, end)
  }

  return {
    accept,
    cancel,
    resume() {
      for (const record of journal.unfinished()) if (!active.has(nameOf(record))) start(record)
    },
    running: () => active.size,
    async stop() {
      isStopping = true
      const entries = [...active.values()]
      for (const entry of entries) stopOne(entry, 'AgentStopping')
      await Promise.all(entries.map((entry) => entry.done))
      journal.flush()
    },
  }
}
