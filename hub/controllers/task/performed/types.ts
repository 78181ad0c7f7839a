// What the hub performs itself instead of sending it to an agent: one performer for each action of shared/contract/actions.ts's
// hubActionInputs. The runner gives it a log and a signal; the task controller decides when it runs and what its end is called.
import type { HubActionName } from '#shared/contract/actions.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'

/** How an attempt ended, but for success. */
export class TaskFailure extends Error {
  readonly reason: string
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TaskFailure'
    this.reason = reason
  }
}

/** Why a run has to stop, as the reason of its signal. */
export class Stop extends Error {
  readonly end: StopEnd
  constructor(end: StopEnd) {
    super(end.message)
    this.name = 'Stop'
    this.end = end
  }
}
export interface StopEnd {
  /** HubStopping: nothing is written, the next start of the hub takes the attempt up again. */
  state: 'Canceled' | 'TimedOut' | 'Failed' | 'HubStopping'
  reason: string
  message: string
}

export interface HubRun {
  /** Its reason is a Stop. It may be aborted before the performer is called. */
  signal: AbortSignal
  /** The hub stops: not even the undoing goes on. */
  shutdown: AbortSignal
  /** The attempt had begun in an earlier life of this hub, which ended in the middle. */
  isResumed: boolean
  /** A line of the task's log; durable soon, in order, and before the attempt's end is. */
  line(stream: 'stdout' | 'stderr' | 'system', text: string): void
  progress(percent: number, message: string): Promise<void>
}

export interface Performer {
  /** Where it is about to go, for the audit log; nothing secret. */
  describe(task: Task): string
  /**
   * One attempt to its end; safe to repeat. What it began on a machine is undone before it rejects, unless the hub is stopping.
   * @throws TaskFailure, or the signal's reason
   */
  perform(task: Task, run: HubRun): Promise<{ message: string; result?: TaskStatus['result'] }>
  /** Undoes what an attempt began in an earlier life of this hub, which has to end without being performed. @throws TaskFailure */
  cleanUp(task: Task, run: HubRun): Promise<void>
}

export type Performers = Readonly<Record<HubActionName, Performer>>
