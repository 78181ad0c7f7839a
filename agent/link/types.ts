// What the rest of the agent knows of the link.
import type { Endpoint } from '#agent/link/dialer.ts'
import type { ClientCertificate, Trust } from '#agent/link/tls.ts'
import type { EventAck, EventBatch, Hello, Notice, OrderAck, PlaneState, SignedOrder } from '#proto/moorline/v1/control.ts'

/** Everything a machine needs to speak as itself. Made by agent/enroll; keys never leave the machine. */
export interface Identity extends Trust, ClientCertificate {
  /** Number of the generation on disk, 1 and up. */
  generation: number
  agentId: string
  machineName: string
  /** Lower-case hex. */
  serial: string
  notBefore: Date
  notAfter: Date
  natsUserJwt: string
  /** "SU…" */
  natsSeed: string
  /** Raw ed25519, 32 bytes each. */
  taskSigningKeys: Buffer[]
}

export interface LinkHandlers {
  onTask(order: SignedOrder): Promise<OrderAck>
  onCancel(order: SignedOrder): Promise<OrderAck>
  onNotice(notice: Notice): void
}

export type LinkPhase =
  /** Waits for the next attempt. Entry: start, loss of the connection. Exit: the delay has passed. */
  | 'waiting'
  /** Dials, TLS, NATS CONNECT. Exit: connected, or failed (→ waiting). */
  | 'connecting'
  /** Connected; Hello is not answered yet. Exit: accepted (→ up), lost (→ waiting). */
  | 'greeting'
  /** The hub answered Hello with a refusal; asked again from time to time. Exit: accepted, lost. */
  | 'refused'
  /** The hub knows this session. Exit: a heartbeat says it does not (→ greeting), lost (→ waiting). */
  | 'up'
  /** stop() was called. Terminal. */
  | 'stopped'

export interface LinkState {
  phase: LinkPhase
  hub: Endpoint
  planes: PlaneState[]
  /** Milliseconds of the monotonic clock since the phase was entered. */
  sinceMs: number
  /** When `waiting`: milliseconds until the next attempt. */
  nextAttemptMs?: number
  /** Attempts that failed since the link was last up. */
  failedAttempts: number
  lastError?: { code: string; message: string; at: Date }
}

export type { EventAck, EventBatch, Hello, PlaneState }
