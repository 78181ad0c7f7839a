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

export interface TurnsByKey {
  /** Waits only for the turns of the same key. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>
}

export function createTurnsByKey(): TurnsByKey {
  const byKey = new Map<string, { turns: Turns; taken: number }>()
  return {
    async take(key, work) {
      const entry = byKey.get(key) ?? { turns: createTurns(), taken: 0 }
      byKey.set(key, entry)
      entry.taken += 1
      try {
        return await entry.turns.take(work)
      } finally {
        entry.taken -= 1
        if (entry.taken === 0) byKey.delete(key)
      }
    },
  }
}
