// One running attempt: its context, its end. Owns the rule that it ends exactly once: the first of result, failure, cancel and
// timeout that reaches the journal is the end, whatever comes after is nothing.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Finished } from '#proto/moorline/v1/control.ts'
import { type Action, type ActionContext, ActionError } from '#agent/actions/types.ts'
import type { Journal } from '#agent/journal/types.ts'

export interface AttemptKey {
  taskUid: string
  attempt: number
}
export type StopReason = 'Canceled' | 'TimedOut' | 'AgentStopping'

export function finished(state: Finished['state'], reason: string, message: string, result?: unknown): Finished {
  const json = result === undefined ? '' : JSON.stringify(result)
  if (Buffer.byteLength(json) <= limits.taskResultBytes)
    return { state, reason: reason.slice(0, 128), message: message.slice(0, 4096), resultJson: Buffer.from(json) }
  const size = Buffer.byteLength(json)
  return {
    state: 'Failed',
    reason: 'ResultTooLarge',
    message: `the action ended ${state} but its result has ${size} bytes, at most ${limits.taskResultBytes} are kept`,
    resultJson: Buffer.alloc(0),
  }
}

/** The context that an action works in; everything it says becomes an event. */
export function createContext(journal: Journal, key: AttemptKey, signal: AbortSignal): ActionContext {
  const { taskUid, attempt } = key
  let rowBytes = 0
  return {
    ...key,
    signal,
    output(stream, data) {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data, 'utf8')
      for (let from = 0; from < bytes.length; from += limits.outputChunkBytes)
        journal.append(taskUid, attempt, { $case: 'output', value: { stream, data: bytes.subarray(from, from + limits.outputChunkBytes) } })
    },
    progress(percent, message) {
      const value = { percent: Math.max(0, Math.min(100, Math.round(percent))), message: message.slice(0, 1024) }
      journal.append(taskUid, attempt, { $case: 'progress', value })
    },
    row(entry) {
      const json = Buffer.from(JSON.stringify(entry))
      if (json.length > limits.outputChunkBytes)
        throw new ActionError('ResultTooLarge', `a row of the result has ${json.length} bytes, at most ${limits.outputChunkBytes} are kept`)
      rowBytes += json.length
      if (rowBytes > limits.taskResultBytes)
        throw new ActionError('ResultTooLarge', `the rows of the result have more than ${limits.taskResultBytes} bytes`)
      journal.append(taskUid, attempt, { $case: 'row', value: { json } })
    },
    beforeSpawn: () => journal.recordMark(taskUid, attempt, { pid: 0, startTime: '' }),
    spawned(pid, startTime) {
      try {
        journal.recordMark(taskUid, attempt, { pid, startTime })
      } catch (error) {
        // The process runs already and can be found without this, by the marker in its environment.
        this.output('system', `the process id could not be recorded: ${messageOf(error)}\n`)
      }
    },
  }
}

/** Runs the action to its end and says what to record; undefined when the agent stops: the order stays as it is for the next start. */
export async function perform(
  action: Action,
  input: unknown,
  context: ActionContext,
  stop: { reason(): StopReason | undefined },
): Promise<Finished | undefined> {
  let end: Finished
  try {
    end = finished('Succeeded', '', '', (await action.run(input, context)) ?? null)
    // It was done before anyone could stop it: that is what happened, so that is what is said.
    return end
  } catch (error) {
    const result = error instanceof ActionError ? error.result : undefined
    const why = stop.reason()
    if (why === 'AgentStopping') return undefined
    if (why === 'Canceled') return finished('Canceled', 'Canceled', 'canceled while it ran', result)
    if (why === 'TimedOut') return finished('TimedOut', 'TimedOut', 'the time for this task was over before it ended', result)
    if (error instanceof ActionError) return finished('Failed', error.reason, error.message, result)
    const named = (error as { reason?: unknown })?.reason
    return finished('Failed', typeof named === 'string' ? named : 'ActionFailed', messageOf(error), result)
  }
}

/** Monotonic, so that a clock that jumps ends nothing early; setTimeout's own limit is 24.8 days, a task's 24 h. */
export function startTimeout(clock: Clock, timeoutMs: number, onTimeout: () => void): Timer | undefined {
  return timeoutMs > 0 ? clock.setTimer(timeoutMs, onTimeout) : undefined
}
