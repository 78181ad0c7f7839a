// What the tunnel offers to the rest of the hub, and what it asks of the gateway.
import type { TLSSocket } from 'node:tls'
import type { Clock } from '#shared/clock/clock.ts'
import type { TunnelClass } from '#shared/contract/tunnel.ts'
import type { Log } from '#shared/log/log.ts'
import type { TunnelStream } from '#shared/tunnel/stream.ts'
import type { Admission, TunnelPeer } from '#hub/gateway/types.ts'

export interface OpenOptions {
  /** A name of the machine's policy; the hub cannot name an address. */
  target: string
  class: TunnelClass
  /** For the agent's log and policy, and for `authorise`. */
  user: string
  signal?: AbortSignal
  /** Until the target has answered, 15 s unless given; the stream itself has no limit. */
  timeoutMs?: number
}

export interface TunnelStats {
  sessions: Record<TunnelClass, number>
  /** Streams that are open or being opened. */
  streams: number
  unreadBytes: number
  /** Since the start. */
  opened: number
  refused: Record<string, number>
  dials: number
  /** Connections that ended otherwise than by being closed here. */
  lost: number
}

export interface Tunnels {
  /**
   * A stream to the target, through a connection that the agent dials when there is none.
   * @throws TunnelError with a code of the tunnel catalogue
   */
  open(agentId: string, options: OpenOptions): Promise<TunnelStream>
  /** For the gateway: a connection that an agent has dialled, past TLS and admission. */
  accept(socket: TLSSocket, peer: TunnelPeer): void
  /** Ends the agent's connections and streams at once. */
  closeAgent(agentId: string): void
  /** Refuses new streams, lets open ones finish for at most `drainMs`, then breaks them off. */
  drain(): Promise<void>
  stats(): TunnelStats
  close(): void
}

export interface TunnelsOptions {
  gateway: {
    /** Fire and forget: asks the agent over its control plane to dial. */
    requestTunnel(agentId: string, request: { tunnelClass: TunnelClass; ticket: string }): void
    /** Asked for each stream. */
    isAllowed(agentId: string, serial: string): Admission
  }
  /** Asked for each stream, before anything is dialled. */
  authorise(request: { agentId: string; target: string; class: TunnelClass; user: string }): Admission
  randomBytes(count: number): Uint8Array
  clock: Clock
  log: Log
  drainMs?: number
  /** A connection without streams is closed after this. */
  idleMs?: number
}
