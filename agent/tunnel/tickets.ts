// The tickets that the hub has sent over the control plane, and the proof that a stream on a tunnel connection comes from the same
// hub. A ticket is for one connection, and a nonce for one stream.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'
import { noncePayload, type TunnelClass, tunnelLimits, tunnelTicketPattern } from '#shared/contract/tunnel.ts'

const maxTickets = 16

export interface Tickets {
  /** False when it is malformed or was seen before. */
  add(tunnelClass: TunnelClass, ticket: string): boolean
  /** For one connection: true when the nonce is right and greater than those before it. */
  verifier(tunnelClass: TunnelClass): (nonce: string, target: string, user: string) => boolean
}

export function createTickets(clock: Clock): Tickets {
  const held = new Map<string, { tunnelClass: TunnelClass; untilMs: number; isFree: boolean }>()

  const forgetOld = (): void => {
    const now = clock.monotonicMs()
    for (const [ticket, { untilMs }] of held) if (untilMs <= now) held.delete(ticket)
    // Oldest first.
    for (const ticket of held.keys()) {
      if (held.size < maxTickets) break
      held.delete(ticket)
    }
  }

  return {
    add(tunnelClass, ticket) {
      if (!tunnelTicketPattern.test(ticket) || held.has(ticket)) return false
      forgetOld()
      held.set(ticket, { tunnelClass, untilMs: clock.monotonicMs() + tunnelLimits.ticketLifetimeMs, isFree: true })
      return true
    },
    verifier(tunnelClass) {
      let bound: string | undefined
      let last = 0
      return (nonce, target, user) => {
        const [, digits = '', proof = ''] = /^([1-9][0-9]{0,14})\.([A-Za-z0-9_-]{43})$/.exec(nonce) ?? []
        const counter = Number(digits)
        if (counter <= last) return false
        const isRight = (ticket: string): boolean =>
          timingSafeEqual(
            createHmac('sha256', ticket)
              .update(noncePayload(counter, target, user))
              .digest(),
            Buffer.from(proof, 'base64url'),
          )
        if (bound === undefined) {
          forgetOld()
          const found = [...held].find(([ticket, entry]) => entry.isFree && entry.tunnelClass === tunnelClass && isRight(ticket))
          if (found === undefined) return false
          bound = found[0]
          found[1].isFree = false
        } else if (!isRight(bound)) return false
        last = counter
        return true
      }
    },
  }
}
