// What several tests of a file share: closed in reverse order when the file ends. ava's hooks have no teardown of their own.
export interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface ClosableOwner extends Owner {
  close(): Promise<void>
}

export function createOwner(): ClosableOwner {
  const cleanups: (() => Promise<void>)[] = []
  return {
    teardown: (run) => void cleanups.push(run),
    async close() {
      const failures: unknown[] = []
      for (const run of cleanups.splice(0).reverse()) await run().catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => (failure as Error).message).join('; '))
    },
  }
}
