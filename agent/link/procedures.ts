// The gRPC plane for an agent that rarely needs it: the library is loaded by the first call.
import type { DialledOptions } from '#agent/link/grpc-credentials.ts'
import type { Procedures } from '#agent/link/grpc.ts'

export interface LazyProcedures {
  open(): Promise<Procedures>
  /** The next call opens a new connection, with the identity of then. */
  reset(): void
  close(): void
}

export function createLazyProcedures(options: DialledOptions): LazyProcedures {
  let procedures: Procedures | undefined
  let isClosed = false
  return {
    async open() {
      const { createProcedures } = await import('#agent/link/grpc.ts')
      procedures ??= createProcedures(options)
      if (isClosed) procedures.close()
      return procedures
    },
    reset: () => procedures?.reset(),
    close() {
      isClosed = true
      procedures?.close()
    },
  }
}
