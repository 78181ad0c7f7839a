// The two gRPC servers: one that strangers reach (enrolment and nothing else), one for agents with a certificate. They own no
// port; sockets that have passed the TLS handshake are injected.
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js'
import type { TLSSocket } from 'node:tls'
import {
  type BackfillRequest,
  type BackfillResponse,
  BackfillServiceService,
  type EnrollRequest,
  type EnrollResponse,
  EnrollmentServiceService,
  type FetchRequest,
  type FetchResponse,
  IdentityServiceService,
  type RenewRequest,
  type RenewResponse,
} from '#proto/moorline/v1/procedures.ts'
import { EventAck, EventBatch } from '#proto/moorline/v1/control.ts'
import { limits } from '#shared/contract/limits.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import type { EventQueue } from '../bus/event-queue.ts'
import { checkEvents, InvalidMessage } from '../bus/validate.ts'
import type { GatewayHandlers, SecurityEvent } from '../types.ts'
import { artifactServiceDefinition, createArtifacts } from './artifacts.ts'
import { CallError, toServiceError } from './errors.ts'
import { addHealth, addReflection, type Health } from './extras.ts'
import { agentsOnly, requireAgent } from './peer.ts'
import { finishWith, writeMessage } from './stream.ts'
import { tuneConnectionWindows, tuneStreamWindows } from './windows.ts'

export interface GrpcOptions {
  handlers: Pick<GatewayHandlers, 'enroll' | 'renew' | 'isAllowed' | 'events'>
  queue: EventQueue
  artifacts(name: string): string | undefined
  onSecurityEvent(event: SecurityEvent): void
  hasReflection: boolean
  log: Log
}

export interface GrpcServers {
  injectEnroll(socket: TLSSocket): void
  injectAgent(socket: TLSSocket): void
  health: Health
  close(): void
}

const busy = EventAck.fromPartial({ refused: 'Busy', message: 'Too many batches are waiting; send this one again later.' })

/** A stranger's request is small; the size is checked before the message is put together. */
const enrollMessageBytes = 64 * 1024

const options = (maxMessageBytes: number) => ({
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': limits.grpcMessageBytes,
  'grpc.max_metadata_size': 16 * 1024,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  // A dead peer is found within 40 s; an idle connection costs memory and is closed, agents dial again on demand.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_connection_idle_ms': 120_000,
})

export function createGrpcServers({ handlers, queue, artifacts, onSecurityEvent, hasReflection, log }: GrpcOptions): GrpcServers {
  const checks = { isAllowed: handlers.isAllowed.bind(handlers), onSecurityEvent }
  const files = createArtifacts(artifacts)

  const enrollServer = new Server(options(enrollMessageBytes))
  enrollServer.addService(EnrollmentServiceService, {
    enroll: unary(log, (call: ServerUnaryCall<EnrollRequest, EnrollResponse>) =>
      handlers.enroll(call.request, { address: addressOf(call.getPeer()) }),
    ),
  })

  const agentServer = new Server({ ...options(limits.grpcMessageBytes), interceptors: [agentsOnly(checks)] })
  agentServer.addService(IdentityServiceService, {
    renew: unary(log, (call: ServerUnaryCall<RenewRequest, RenewResponse>) => {
      const { agentId, serial } = requireAgent(call, checks)
      return handlers.renew(agentId, call.request, { serial })
    }),
  })
  agentServer.addService(artifactServiceDefinition, {
    fetch: (call: ServerWritableStream<FetchRequest, FetchResponse>) => finishWith(call, files.send(call), log),
  })
  agentServer.addService(BackfillServiceService, {
    backfill: (call: ServerDuplexStream<BackfillRequest, BackfillResponse>) => finishWith(call, backfill(call), log),
  })

  /** One batch at a time: the stream is read only when the last one is committed, so flow control reaches the agent. */
  const backfill = async (call: ServerDuplexStream<BackfillRequest, BackfillResponse>): Promise<void> => {
    // Leaving the loop must not destroy the stream: it still has a status to send.
    for await (const message of call.iterator({ destroyOnReturn: false }) as AsyncIterable<BackfillRequest>) {
      const { agentId } = requireAgent(call, checks)
      if (message.batch === undefined) throw new CallError(status.INVALID_ARGUMENT, 'The message has no batch.')
      let ack: EventAck
      try {
        const batch = checkEvents(message.batch)
        failpoint('hub.events.received')
        ack = (await queue.call(agentId, EventBatch.encode(batch).finish().length, () => handlers.events(agentId, batch))) ?? busy
        failpoint('hub.events.before-reply')
      } catch (error) {
        if (!(error instanceof InvalidMessage)) throw error
        onSecurityEvent({ kind: 'MalformedMessage', agentId, address: call.getPeer(), message: `backfill: ${error.message}` })
        ack = EventAck.fromPartial({ refused: 'Invalid', message: error.message })
      }
      if (!(await writeMessage(call, { ack }))) return
    }
  }

  const health = addHealth(agentServer)
  if (hasReflection) addReflection(agentServer)
  const inject = (server: Server): ((socket: TLSSocket) => void) => {
    tuneStreamWindows(server)
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
    tuneConnectionWindows(server)
    return (socket) => injector.injectConnection(socket)
  }
  return {
    injectEnroll: inject(enrollServer),
    injectAgent: inject(agentServer),
    health,
    close() {
      enrollServer.forceShutdown()
      agentServer.forceShutdown()
    },
  }
}

function unary<Request, Reply>(log: Log, handle: (call: ServerUnaryCall<Request, Reply>) => Promise<Reply>) {
  return (call: ServerUnaryCall<Request, Reply>, callback: sendUnaryData<Reply>): void => {
    void answer(log, call, handle, callback)
  }
}

async function answer<Request, Reply>(
  log: Log,
  call: ServerUnaryCall<Request, Reply>,
  handle: (call: ServerUnaryCall<Request, Reply>) => Promise<Reply>,
  callback: sendUnaryData<Reply>,
): Promise<void> {
  let reply: Reply
  try {
    reply = await handle(call)
  } catch (error) {
    callback(toServiceError(error, log, call.getPath()))
    return
  }
  callback(null, reply)
}

/** `1.2.3.4:5` or `[::1]:5` → the address without the port. */
const addressOf = (peer: string): string => peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
