// Probe of the procedures plane: grpc.health.v1 over its real path. The two messages are one field each, so they are written out
// here instead of bringing a package and its reflection into the agent.
import { type CallOptions, makeGenericClientConstructor, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { Procedures } from '#agent/link/grpc.ts'
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'

const HealthClient = makeGenericClientConstructor(
  {
    check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: () => ({}),
      responseSerialize: () => Buffer.alloc(0),
      // field 1, varint: 1 is SERVING
      responseDeserialize: (bytes: Buffer) => ({ isServing: bytes.length === 0 || (bytes[0] === 8 && bytes[1] === 1) }),
    },
  },
  'grpc.health.v1.Health',
)

interface HealthStub {
  check(
    request: object,
    metadata: Metadata,
    options: CallOptions,
    done: (error: ServiceError | null, answer?: { isServing: boolean }) => void,
  ): void
}

/** Never rejects: a plane that is down is a reason. */
export function probeProcedures(procedures: Procedures, clock: Clock, timeoutMs: number): Promise<PlaneState> {
  const startMs = clock.monotonicMs()
  return new Promise((resolve) => {
    const settle = (reason: string) => {
      const roundTripUs = Math.round((clock.monotonicMs() - startMs) * 1000)
      resolve({ name: 'grpc', ok: reason === '', reason, roundTripUs: reason === '' ? roundTripUs : 0 })
    }
    try {
      const stub = procedures.client(HealthClient) as unknown as HealthStub
      stub.check({}, new Metadata(), { deadline: clock.now().getTime() + timeoutMs }, (error, answer) => {
        // A server without a health service has answered through the real path all the same.
        if (error && error.code !== status.UNIMPLEMENTED) settle(reasonOf(error.code))
        else settle(answer && !answer.isServing ? 'NotServing' : '')
      })
    } catch {
      settle('Stopped')
    }
  })
}

function reasonOf(code: status): string {
  if (code === status.DEADLINE_EXCEEDED) return 'Timeout'
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) return 'Refused'
  return 'Unavailable'
}
