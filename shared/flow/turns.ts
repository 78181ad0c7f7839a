// One at a time, in order of asking. A failure of one turn does not reach the next.

export interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return {
    take(work) {
      const turn = last.then(work, work)
      last = turn.then(
        () => undefined,
        () => undefined,
      )
      return turn
    },
  }
}
