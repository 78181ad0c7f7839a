// The hub's word on Hello: whether this machine may act as its identity. Who asks while Hello is under way waits for the answer.
export interface Verdict {
  /** Hello is under way, or about to be. */
  wait(): void
  give(isAccepted: boolean): void
  current(): Promise<boolean>
}

export function createVerdict(): Verdict {
  let { promise, resolve } = Promise.withResolvers<boolean>()
  return {
    wait() {
      // Those who wait already get the next answer too.
      const before = resolve
      ;({ promise, resolve } = Promise.withResolvers<boolean>())
      void promise.then(before)
    },
    give(isAccepted) {
      resolve(isAccepted)
      promise = Promise.resolve(isAccepted)
    },
    current: () => promise,
  }
}
