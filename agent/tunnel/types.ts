// What a tunnel target is to the agent.
import type { Duplex } from 'node:stream'
import type { TunnelClass } from '#shared/contract/tunnel.ts'

export interface TargetContext {
  /** The user for whom the hub opens the stream; it comes from the hub and is no more than what the hub says. */
  user: string
  tunnelClass: TunnelClass
  /** Aborted when the hub gives up while the target is being opened, and when the agent stops. */
  signal: AbortSignal
}

/**
 * Makes the target ready; only then the hub's stream is accepted and handed to what this returns. A target that cannot be reached
 * rejects, with a message that may be shown to the user.
 */
export type TunnelTarget = (context: TargetContext) => Promise<(stream: Duplex) => void>
