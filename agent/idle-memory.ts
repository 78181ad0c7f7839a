// Gives memory back when work has ended and now and then while nothing runs: an agent that only waits allocates so little that V8
// would not look at its heap for hours, and grows it meanwhile. One collection takes about 20 ms. The built agent is started with --expose-gc; in development there is
// nothing to call and nothing happens.

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

const looksBetween = 10

export interface IdleMemory {
  /** Called each 30 s with the journal's last sequence number; collects after each piece of work and at every tenth call, when nothing runs. */
  look(lastSequence: bigint, runningTasks: number): void
}

export function createIdleMemory(collect: Collect | undefined = (globalThis as { gc?: Collect }).gc): IdleMemory {
  let collectedAt: bigint | undefined
  let looks = 0
  return {
    look(lastSequence, runningTasks) {
      if (runningTasks > 0 || (lastSequence === collectedAt && ++looks < looksBetween)) return
      collectedAt = lastSequence
      looks = 0
      collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    },
  }
}
