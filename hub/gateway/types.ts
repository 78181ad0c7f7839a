// What the gateway asks of the rest of the hub and what it offers. The gateway authenticates and decodes; it decides nothing
// about machines or tasks.
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { EventAck, EventBatch, Heartbeat, HeartbeatAck, Hello, HelloReply, OrderAck, SignedOrder } from '#proto/moorline/v1/control.ts'
import type { EnrollRequest, EnrollResponse, RenewRequest, RenewResponse } from '#proto/moorline/v1/procedures.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { TunnelClass } from '#shared/contract/tunnel.ts'
import type { Log } from '#shared/log/log.ts'
import type { Pki } from '#hub/pki/types.ts'

export type Admission = { ok: true } | { ok: false; reason: string }

/** `agentId` always comes from the certificate or from the subject that the NATS server enforced, never from a body. */
export interface GatewayHandlers {
  enroll(request: EnrollRequest, context: { address: string }): Promise<EnrollResponse>
  renew(agentId: string, request: RenewRequest, context: { serial: string }): Promise<RenewResponse>
  /** Asked on each connection, each call and each message of a stream. */
  isAllowed(agentId: string, serial: string): Admission
  onCertificateUsed(agentId: string, serial: string): void
  hello(agentId: string, hello: Hello, context: { address: string }): Promise<HelloReply>
  heartbeat(agentId: string, heartbeat: Heartbeat): Promise<HeartbeatAck>
  /** Called for one batch of an agent at a time. */
  events(agentId: string, batch: EventBatch): Promise<EventAck>
  /** The last control-plane connection of the agent has closed. Not called with a NATS cluster that agents reach past the hub. */
  onDisconnect(agentId: string): void
  /** Something only a faulty or hostile agent does; for the audit log. */
  onSecurityEvent?(event: SecurityEvent): void
}

export interface SecurityEvent {
  kind:
    | 'ForeignReplySubject'
    | 'ForeignJwt'
    | 'IdentityRefused'
    | 'MalformedMessage'
    | 'MalformedConnect'
    | 'CallRefused'
    | 'TooManyConnections'
    | 'PermissionViolation'
  /** Empty when nobody was authenticated. */
  agentId: string
  address: string
  message: string
}

export interface ReadinessItem {
  name: string
  ok: boolean
  message: string
}

export interface GatewayStats {
  /** Live sockets that have passed the TLS handshake. */
  connections: { nats: number; grpc: number; tunnel: number; enroll: number }
  /** Agents with at least one control-plane connection. */
  agents: number
  /** Sockets whose ClientHello has not been read yet. */
  peeking: number
  /** Agent connections that wait for their turn to shake hands. */
  waitingHandshakes: number
  refused: Record<string, number>
  messages: { hello: number; heartbeat: number; events: number; reply: number; dropped: number }
  queuedEventBytes: number
  natsRestarts: number
}

export type OrderKind = 'task' | 'cancel'

export interface Gateway {
  listen(address: { host: string; port: number }): Promise<{ port: number }>
  /** Rejects with OrderError when the agent cannot be reached or does not answer in time; whether it got the order is then unknown. */
  sendOrder(agentId: string, kind: OrderKind, order: SignedOrder, timeoutMs: number): Promise<OrderAck>
  /** Fire and forget. */
  notify(agentId: string, kind: 'RenewIdentity' | 'SendHello'): void
  /** Fire and forget: asks the agent to dial a tunnel connection, which then arrives at `onTunnelSocket`. */
  requestTunnel(agentId: string, request: { tunnelClass: TunnelClass; ticket: string }): void
  /** Ends live connections at once and the NATS user of the agent for good. Resolves when the NATS server has confirmed it, or when it is durable and will be applied as soon as the server is back. */
  revoke(agentId: string): Promise<void>
  /** Ends live connections; the agent may come back. */
  closeConnections(agentId: string): void
  /** Throws ApiError Invalid when the key is not a NATS user key. */
  natsUserJwt(agentId: string, natsPublicKey: string): Promise<string>
  /** True while a control-plane connection of the agent is open here. */
  isConnected(agentId: string): boolean
  readiness(): ReadinessItem[]
  stats(): GatewayStats
  close(): Promise<void>
}

/** Who is at the other end of a tunnel connection, from its certificate and its ALPN protocol. */
export interface TunnelPeer {
  agentId: string
  /** Of the certificate, lower-case hex. */
  serial: string
  tunnelClass: TunnelClass
}

export interface GatewayOptions {
  pki: Pki
  dataDir: string
  /** `nats://host:port` or `tls://host:port` of an external NATS server; without it one is started as a child process. */
  natsUrl?: string
  /** Path of nats-server; without it the usual places are searched. */
  natsServerBinary?: string
  clock: Clock
  /** Uniform in [0, 1). */
  random: () => number
  log: Log
  handlers: GatewayHandlers
  /** Takes a raw TCP socket whose ClientHello has been un-shifted: everything that does not ask for one of the agents' names. */
  onWebSocket(rawSocket: Socket): void
  /** Takes a tunnel connection of an admitted agent; without it the tunnel's name is refused. */
  onTunnelSocket?(socket: TLSSocket, peer: TunnelPeer): void
  /** Path of a file that agents may download under this name. */
  artifacts(name: string): string | undefined
  /** Agent handshakes begun per second, 400 unless given. */
  handshakesPerSecond?: number
  /** Sockets over this are closed at once, 25,000 unless given. */
  maxSockets?: number
  /** Serve gRPC reflection on the agents' name. Off in production. */
  hasReflection?: boolean
}

export type OrderErrorReason = 'NotConnected' | 'Timeout' | 'Unavailable' | 'BadReply'
export class OrderError extends Error {
  readonly reason: OrderErrorReason
  constructor(reason: OrderErrorReason, message: string) {
    super(message)
    this.name = 'OrderError'
    this.reason = reason
  }
}
