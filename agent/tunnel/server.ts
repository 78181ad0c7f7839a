// The agent's side of the tunnel: dials when the hub asks for it, and serves the targets that the machine's policy names. It opens
// no listener, keeps no connection that nobody uses, and knows no address that came from the hub.
import type { TLSSocket } from 'node:tls'
import type { OpenTunnel, PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { type TunnelClass, tunnelClasses, tunnelLimits, tunnelTargetPattern } from '#shared/contract/tunnel.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'
import { type AgentSession, createAgentSession } from './session.ts'
import { createTickets } from './tickets.ts'
import type { TunnelTarget } from './types.ts'

export interface TunnelServerOptions {
  /** A TLS connection to the hub's tunnel name with this class' protocol. */
  dial(tunnelClass: TunnelClass, signal: AbortSignal): Promise<TLSSocket>
  /** Everything the hub can reach, by name. */
  targets: Readonly<Record<string, TunnelTarget>>
  clock: Clock
  log: Log
  /** The state of the plane while it is in use, undefined when it is not. */
  onPlane?(state: PlaneState | undefined): void
}

export interface TunnelServer {
  /** The hub asks for a connection. */
  onNotice(request: OpenTunnel): void
  stats(): { sessions: Record<TunnelClass, number>; streams: number; unreadBytes: number; dialling: number }
  /** Lets streams finish for up to 2 s, then breaks them off. */
  stop(): Promise<void>
}

const stopMs = 2_000
/** More than reconnecting can explain; the hub gets what it asks for again when one of these has ended. */
const maxPerClass = 2

export function createTunnelServer({ dial, targets, clock, log, onPlane }: TunnelServerOptions): TunnelServer {
  const named = new Map(Object.entries(targets))
  for (const name of named.keys()) if (!tunnelTargetPattern.test(name)) throw new Error(`${name} is not a name of a tunnel target`)
  const tickets = createTickets(clock)
  const sessions = new Map<AgentSession, { tunnelClass: TunnelClass; roundTripMs: number | undefined }>()
  const dialling: Record<TunnelClass, number> = { interactive: 0, bulk: 0 }
  const stopping = new AbortController()
  let failure: string | undefined

  const tell = (): void => {
    const [first] = sessions.values()
    if (failure !== undefined) onPlane?.({ name: 'tunnel', ok: false, reason: failure, roundTripUs: 0 })
    else if (first === undefined) onPlane?.(undefined)
    else onPlane?.({ name: 'tunnel', ok: true, reason: '', roundTripUs: Math.round((first.roundTripMs ?? 0) * 1000) })
  }

  const connect = async (tunnelClass: TunnelClass): Promise<void> => {
    dialling[tunnelClass] += 1
    try {
      const socket = await dial(tunnelClass, AbortSignal.any([stopping.signal]))
      const entry: { tunnelClass: TunnelClass; roundTripMs: number | undefined } = { tunnelClass, roundTripMs: undefined }
      const session = createAgentSession({
        ...{ socket, tunnelClass, targets: named, clock, log },
        verify: tickets.verifier(tunnelClass),
        onEnd() {
          sessions.delete(session)
          tell()
        },
        onRoundTrip: (roundTripMs) => (entry.roundTripMs = roundTripMs),
      })
      sessions.set(session, entry)
      failure = undefined
      log.info({ tunnelClass }, 'tunnel: connected')
    } catch (error) {
      if (stopping.signal.aborted) return
      failure = (error as { code?: string }).code ?? 'DialFailed'
      log.warn({ tunnelClass, reason: messageOf(error) }, 'tunnel: the hub asked for a connection that could not be made')
      // A plane that nobody asks for again is not in use: its last failure must not be held against the machine for ever.
      clock.setTimer(
        tunnelLimits.ticketLifetimeMs,
        () => {
          failure = undefined
          tell()
        },
        true,
      )
    } finally {
      dialling[tunnelClass] -= 1
      tell()
    }
  }

  return {
    onNotice({ sessionClass, ticket }) {
      const tunnelClass = tunnelClasses.find((name) => name === sessionClass)
      if (tunnelClass === undefined || stopping.signal.aborted || named.size === 0) {
        log.info({ sessionClass: sessionClass.slice(0, 32), targets: named.size }, 'tunnel: a request that this agent does not serve')
        return
      }
      const open = [...sessions.values()].filter((entry) => entry.tunnelClass === tunnelClass).length
      if (open + dialling[tunnelClass] >= maxPerClass || !tickets.add(tunnelClass, ticket)) return
      void connect(tunnelClass)
    },
    stats() {
      const counts = { interactive: 0, bulk: 0 }
      for (const { tunnelClass } of sessions.values()) counts[tunnelClass] += 1
      const sum = (of: (session: AgentSession) => number): number => [...sessions.keys()].reduce((total, session) => total + of(session), 0)
      return {
        sessions: counts,
        streams: sum((session) => session.streams()),
        unreadBytes: sum((session) => session.unreadBytes()),
        dialling: dialling.interactive + dialling.bulk,
      }
    },
    async stop() {
      stopping.abort(new Error('the agent is stopping'))
      const deadline = Promise.withResolvers<void>()
      const timer = clock.setTimer(stopMs, deadline.resolve)
      await Promise.race([Promise.all([...sessions.keys()].map((session) => session.drain())), deadline.promise])
      timer.cancel()
      for (const session of sessions.keys()) session.destroy()
    },
  }
}
