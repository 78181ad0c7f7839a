// Gives memory back once work has ended. A preflight makes the heap grow, and an agent that only waits allocates so little
// afterwards that V8 would not look at it for hours. The built agent is started with --expose-gc; in development there is
// nothing to call and nothing happens.

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

export interface IdleMemory {
  /** Called now and then with the journal's last sequence number; collects once after each piece of work, when nothing runs. */
  look(lastSequence: bigint, runningTasks: number): void
}

export function createIdleMemory(collect: Collect | undefined = (globalThis as { gc?: Collect }).gc): IdleMemory {
  let collectedAt: bigint | undefined
  return {
    look(lastSequence, runningTasks) {
      if (runningTasks > 0 || lastSequence === collectedAt) return
      collectedAt = lastSequence
      collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    },
  }
}
