// Runs what the hub performs itself: one log writer, one signal and one time limit per attempt, and the end on the Task when all of the
// log is durable. It keeps nothing that matters: after a crash the plan finds the task Running and begins it again.
import type { Clock } from '#shared/clock/clock.ts'
import { isHubAction } from '#shared/contract/actions.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { canMoveTask } from '#shared/contract/task-state.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { createTurns } from '#shared/flow/turns.ts'
import type { Log } from '#shared/log/log.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { NewTaskLogRow, Store } from '#hub/store/types.ts'
import { defaultTimeoutSeconds } from '../waiting.ts'
import { auditAttempt } from './audit.ts'
import { type HubRun, type Performers, Stop, type StopEnd, TaskFailure } from './types.ts'

export interface RunnerDeps {
  resources: Resources
  store: Store
  performers: Performers
  clock: Clock
  log: Log
  /** Its place is free again. */
  onEnd(machine: string): void
}

interface Running {
  machine: string
  isStopping: boolean
  stop(end: StopEnd): void
  ended: Promise<void>
}

type Ending = Pick<TaskStatus, 'state' | 'reason' | 'message' | 'result'>

export function createRunner(deps: RunnerDeps) {
  const { resources, performers, clock, log } = deps
  const running = new Map<string, Running>()
  const shutdown = new AbortController()

  function start(task: Task, { isResumed, end }: { isResumed: boolean; end?: StopEnd }): void {
    const uid = task.metadata.uid ?? ''
    const { action, machine, timeoutSeconds = defaultTimeoutSeconds } = task.spec
    if (running.has(uid) || !isHubAction(action)) return
    const stopper = new AbortController()
    const entry: Running = {
      machine,
      isStopping: end !== undefined,
      stop(why) {
        entry.isStopping = true
        stopper.abort(new Stop(why))
      },
      ended: Promise.resolve(),
    }
    const tooLong = { state: 'TimedOut', reason: 'TimedOut', message: `it took longer than ${timeoutSeconds} s` } as const
    const timer = clock.setTimer(timeoutSeconds * 1000, () => entry.stop(tooLong))
    const logWriter = createLogWriter(task, deps)
    const run: HubRun = {
      signal: stopper.signal,
      shutdown: shutdown.signal,
      isResumed,
      line: logWriter.line,
      progress: (percent, message) => progress(task, percent, message),
    }
    const performer = performers[action]
    const audit = auditAttempt(task, performer, deps)
    const work = async (): Promise<Ending> => {
      await audit.began(isResumed ? 'Resumed' : 'Started')
      if (!end) return { state: 'Succeeded', ...(await performer.perform(task, run)) }
      await performer.cleanUp(task, run)
      return { ...end, state: end.state as Ending['state'] }
    }
    entry.ended = work()
      .catch((error: unknown) => endingOf(error))
      .then(async (ending) => {
        timer.cancel()
        const logBytes = await logWriter.flushed()
        if (!ending) return
        // Before the end is on the Task: a hub that is killed in between writes two of them, never none.
        await audit.ended(ending.state, ending.reason)
        await finish(task, { ...ending, logBytes })
      })
      .catch((error: unknown) =>
        log.error({ task: task.metadata.name, error: messageOf(error) }, 'the end of a task could not be recorded; it is begun again'),
      )
      .finally(() => {
        timer.cancel()
        running.delete(uid)
        deps.onEnd(machine)
      })
    running.set(uid, entry)
  }

  async function progress(task: Task, percent: number, message: string): Promise<void> {
    await modify(task, (status) => ({ ...status, progress: { percent, message: message.slice(0, 1024) } }))
  }

  async function finish(task: Task, ending: Ending & { logBytes: number }): Promise<void> {
    const { state, reason, message = '', result, logBytes } = ending
    await modify(task, (status) => {
      const attempt = status.attempt ?? 1
      if (!canMoveTask({ state: status.state, attempt }, { state, attempt })) return undefined
      return {
        ...status,
        state,
        ...(reason && { reason }),
        message: message.slice(0, 4096),
        ...(result !== undefined && { result }),
        ...(state === 'Succeeded' && { progress: { percent: 100, message: 'done' } }),
        logBytes,
        finishedAt: clock.now().toISOString(),
      }
    })
  }

  /** Only the attempt that runs here. */
  async function modify(task: Task, change: (status: TaskStatus) => TaskStatus | undefined): Promise<void> {
    await resources.modify<Task>(
      'Task',
      task.metadata.name,
      (current) => {
        const { status, metadata } = current
        if (metadata.uid !== task.metadata.uid || status?.state !== 'Running' || status.attempt !== task.status?.attempt) return undefined
        const next = change(status)
        return next && { ...current, status: next }
      },
      { subresource: 'status' },
    )
  }

  function endingOf(error: unknown): Ending | undefined {
    if (error instanceof Stop) return error.end.state === 'HubStopping' ? undefined : { ...error.end, state: error.end.state }
    if (error instanceof TaskFailure) return { state: 'Failed', reason: error.reason, message: error.message }
    log.error({ err: error }, 'a task of the hub failed in a way it has no name for')
    return { state: 'Failed', reason: 'ActionFailed', message: `the hub failed: ${messageOf(error)}` }
  }

  return {
    running: running as ReadonlyMap<string, Running>,
    start,
    stop: (uid: string, end: StopEnd) => running.get(uid)?.stop(end),
    /** Stops everything without a word about how it ended; resolves when nothing runs any more. */
    async close(): Promise<void> {
      const all = [...running.values()]
      const why = { state: 'HubStopping', reason: 'HubStopping', message: 'the hub is stopping' } as const
      shutdown.abort(new Stop(why))
      for (const { stop } of all) stop(why)
      await Promise.all(all.map(({ ended }) => ended))
    },
  }
}
export type Runner = ReturnType<typeof createRunner>

/** Lines in order, several to a write while one is under way. */
function createLogWriter(task: Task, { store, clock, log }: Pick<RunnerDeps, 'store' | 'clock' | 'log'>) {
  const { uid = '', name } = task.metadata
  const attempt = task.status?.attempt ?? 1
  const turns = createTurns()
  let waiting: NewTaskLogRow[] = []
  let sizeBytes = 0
  const write = async () => {
    const rows = waiting
    waiting = []
    if (rows.length > 0) sizeBytes = await store.appendTaskLog(uid, attempt, rows)
  }
  return {
    line(stream: 'stdout' | 'stderr' | 'system', text: string): void {
      waiting.push({ at: clock.now().toISOString(), stream, data: Buffer.from(`${text}\n`) })
      turns.take(write).catch((error: unknown) => log.error({ task: name, error: messageOf(error) }, 'a line of a task log was lost'))
    },
    async flushed(): Promise<number> {
      await turns.take(write)
      return sizeBytes
    },
  }
}
