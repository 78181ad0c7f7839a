// One NATS connection to the hub through the dialer: opened, used, closed. Coming back after a loss is link.ts's work.
import type { Msg, NatsConnection } from 'nats'
import type { Proxy } from '#agent/config/proxy.ts'
import { dial, type Endpoint } from '#agent/link/dialer.ts'
import { natsProof } from '#agent/link/nats-auth.ts'
import { connectNats } from '#agent/link/nats-transport.ts'
import { connectTls, explainTls, tlsTimeoutMs } from '#agent/link/tls.ts'
import type { Identity } from '#agent/link/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { serverNames, toAgent } from '#shared/contract/subjects.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'

export interface ControlPlane {
  /** Rejects when no answer came in time, nobody listens, or the connection is gone. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>
  /** `answer` is undefined when the sender wants no reply. Oversized messages do not arrive. */
  serve(subject: string, handle: (data: Uint8Array, answer: ((data: Uint8Array) => void) | undefined) => void): void
  /** One round trip to the NATS server, whether or not the hub answers. */
  ping(timeoutMs: number): Promise<void>
  /** Resolves when the connection is gone, with the cause if there is one. */
  closed: Promise<Error | undefined>
  close(): Promise<void>
}

export interface ControlPlaneOptions {
  identity: Identity
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  signal: AbortSignal
}

/** @throws AgentError as dialer.ts and tls.ts; IdentityRefused when the hub or nats-server does not accept certificate or JWT */
export async function openControlPlane({ identity, hub, proxy, clock, signal }: ControlPlaneOptions): Promise<ControlPlane> {
  const socket = await dial({ ...hub, proxy, clock, signal })
  const tls = await connectTls(
    socket,
    { servername: serverNames.nats, trust: identity, client: identity },
    { clock, timeoutMs: tlsTimeoutMs, signal },
  )
  const connecting = connectNats(tls, {
    name: identity.agentId,
    inboxPrefix: toAgent.inboxPrefix(identity.agentId),
    timeoutMs: tlsTimeoutMs,
    authenticator: (nonce) => natsProof(identity.natsUserJwt, identity.natsSeed, nonce),
  })
  const onAbort = () => tls.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return wrap(await connecting, identity.agentId, clock)
  } catch (error) {
    throw explainNats(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function wrap(connection: NatsConnection, agentId: string, clock: Clock): ControlPlane {
  const replyPrefix = `fleet.${agentId}.reply.`
  return {
    // The package's own limit is only there to free its memory of the request.
    request: async (subject, data, timeoutMs) =>
      (await inTime(connection.request(subject, data, { timeout: 2 * timeoutMs }), `an answer to ${subject}`, timeoutMs, clock)).data,
    serve(subject, handle) {
      const callback = (error: Error | null, message: Msg) => {
        if (error || message.data.length > limits.natsPayloadBytes) return
        const { reply } = message
        handle(
          message.data,
          reply?.startsWith(replyPrefix) ? (answer) => void (connection.isClosed() || connection.publish(reply, answer)) : undefined,
        )
      }
      connection.subscribe(subject, { callback })
    },
    ping: (timeoutMs) => inTime(connection.flush(), 'an answer to a NATS ping', timeoutMs, clock),
    closed: connection.closed().then((error) => (error ? explainNats(error) : undefined)),
    close: () => connection.close(),
  }
}

function inTime<T>(work: Promise<T>, what: string, timeoutMs: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => reject(new AgentError('DialTimeout', `${what} did not come within ${timeoutMs} ms`)))
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}

function explainNats(error: unknown): Error {
  if (error instanceof AgentError) return error
  const code = (error as { code?: string }).code ?? ''
  // AUTHORIZATION_VIOLATION, AUTHENTICATION_EXPIRED, AUTHENTICATION_TIMEOUT, ACCOUNT_EXPIRED of the nats package
  if (/^(AUTH|ACCOUNT)/.test(code)) return new AgentError('IdentityRefused', `nats-server: ${messageOf(error)}`, error)
  // TLS 1.3 reports a refused client certificate after the handshake, with the first read.
  const known = explainTls(error instanceof Error ? error : new Error('closed'))
  if (known instanceof AgentError && known.code !== 'HubUnreachable') return known
  // The nats package has no cause for a connection that is closed before the server's first line.
  const cause = code === 'CONNECTION_REFUSED' ? 'before its first line' : messageOf(error)
  return new AgentError('HubClosed', `the hub closed the connection after the TLS handshake: ${cause}`, error)
}
