// Asks an agent for a connection and waits until it has dialled. Everybody who needs the same connection meanwhile waits for the
// same one. A connection that nobody asked for is not taken.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { type TunnelClass, tunnelLimits } from '#shared/contract/tunnel.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'

export interface Dials<Session> {
  /** @throws TunnelError AgentUnreachable */
  session(agentId: string, tunnelClass: TunnelClass): Promise<Session>
  /** False when nobody waits for a connection of this agent and class. */
  arrived(agentId: string, tunnelClass: TunnelClass, make: (ticket: string) => Session): boolean
  waiting(): number
  /** Ends the wait of everybody, or of everybody who waits for this agent. */
  reject(error: Error, agentId?: string): void
}

interface Dial<Session> {
  agentId: string
  ticket: string
  promise: Promise<Session>
  resolve(session: Session): void
  reject(error: Error): void
  timer: Timer | undefined
}

interface DialsOptions {
  request(agentId: string, request: { tunnelClass: TunnelClass; ticket: string }): void
  randomBytes(count: number): Uint8Array
  clock: Clock
}

export function createDials<Session>({ request, randomBytes, clock }: DialsOptions): Dials<Session> {
  const dials = new Map<string, Dial<Session>>()
  const keyOf = (agentId: string, tunnelClass: TunnelClass): string => `${agentId} ${tunnelClass}`

  const begin = (agentId: string, tunnelClass: TunnelClass): Dial<Session> => {
    const key = keyOf(agentId, tunnelClass)
    const dial: Dial<Session> = {
      agentId,
      ticket: Buffer.from(randomBytes(32)).toString('base64url'),
      ...Promise.withResolvers<Session>(),
      timer: undefined,
    }
    dials.set(key, dial)
    dial.promise.catch(() => undefined) // whoever waited has been told; nobody may be waiting any more
    const end = clock.monotonicMs() + tunnelLimits.dialTimeoutMs
    // A notice has no acknowledgement: it is repeated until the connection is there, and the agent knows a ticket that it has seen.
    const ask = (): void => {
      const leftMs = end - clock.monotonicMs()
      if (leftMs <= 0) {
        finish(key, dial)
        dial.reject(
          new TunnelError('AgentUnreachable', `the agent did not open a tunnel connection within ${tunnelLimits.dialTimeoutMs / 1000} s`),
        )
        return
      }
      request(agentId, { tunnelClass, ticket: dial.ticket })
      dial.timer = clock.setTimer(Math.min(leftMs, tunnelLimits.repeatRequestMs), ask)
    }
    ask()
    return dial
  }
  const finish = (key: string, dial: Dial<Session>): void => {
    dial.timer?.cancel()
    if (dials.get(key) === dial) dials.delete(key)
  }

  return {
    session: (agentId, tunnelClass) => (dials.get(keyOf(agentId, tunnelClass)) ?? begin(agentId, tunnelClass)).promise,
    arrived(agentId, tunnelClass, make) {
      const key = keyOf(agentId, tunnelClass)
      const dial = dials.get(key)
      if (dial === undefined) return false
      finish(key, dial)
      dial.resolve(make(dial.ticket))
      return true
    },
    waiting: () => dials.size,
    reject(error, agentId) {
      for (const [key, dial] of dials) {
        if (agentId !== undefined && dial.agentId !== agentId) continue
        finish(key, dial)
        dial.reject(error)
      }
    },
  }
}
