// What an action is: the code that performs one task on this machine, observe → (nothing to do | apply) → verify inside.
import type { ActionName } from '#shared/contract/actions.ts'

export interface ActionContext {
  taskUid: string
  attempt: number
  /** Aborted by a cancel, the timeout, or the agent's stop. */
  signal: AbortSignal
  /** At most 64 KiB a call. */
  output(stream: 'stdout' | 'stderr' | 'system', data: Buffer | string): void
  /** 0 to 100. */
  progress(percent: number, message: string): void
  /** One entry of a result that arrives piece by piece. */
  row(entry: object): void
  /** Durable: a process is about to be spawned. Throws when that cannot be recorded; nothing may be spawned then. */
  beforeSpawn(): void
  /** Durable: this is the process. */
  spawned(pid: number, startTime: string): void
}

/** What a restart found of a process that the agent had spawned. */
export interface SpawnRemains {
  taskUid: string
  attempt: number
  pid: number
  startTime: string
}

export interface Action {
  name: ActionName
  /** At most one mutating action runs at a time. */
  isMutating: boolean
  /**
   * What becomes of it when the agent died while it ran. `runAgain`: it is ensure-shaped, a second run finishes what the first began.
   * `interrupt`: it is not, so it is run again only when nothing had been spawned, and says Interrupted otherwise.
   */
  afterCrash: 'runAgain' | 'interrupt'
  /** Returns the result (JSON). Throws {@link ActionError} when it failed in a way it can name. */
  run(input: unknown, context: ActionContext): Promise<unknown>
  /** Ends what is left of a process that an earlier agent process spawned; returns a sentence for the task's log. */
  endRemains?(remains: SpawnRemains): Promise<string>
}

export type Actions = Record<ActionName, Action>

/** A failure with a CamelCase reason for the task's status; `result` is kept with it. */
export class ActionError extends Error {
  readonly reason: string
  readonly result: unknown
  constructor(reason: string, message: string, result?: unknown, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ActionError'
    this.reason = reason
    this.result = result
  }
}
