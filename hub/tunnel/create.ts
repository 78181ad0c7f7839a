// The hub's tunnels: streams to named targets behind agents, over connections that the agents dial when they are asked. Owns the
// connections; who may open what is the caller's `authorise` here and the machine's own policy there.
import { type TunnelClass, tunnelLimits, tunnelTargetPattern, unreadBudgetBytes } from '#shared/contract/tunnel.ts'
import { TunnelError, type TunnelErrorCode } from '#shared/errors/tunnel-error.ts'
import type { TunnelStream } from '#shared/tunnel/stream.ts'
import { createDials } from './dials.ts'
import { createHubSession, type HubSession } from './session.ts'
import type { OpenOptions, Tunnels, TunnelsOptions, TunnelStats } from './types.ts'

export function createTunnels(options: TunnelsOptions): Tunnels {
  const { gateway, authorise, clock, log, drainMs = tunnelLimits.drainMs, idleMs = tunnelLimits.idleMs } = options
  const agents = new Map<string, Partial<Record<TunnelClass, HubSession>>>()
  const counts = { opened: 0, dials: 0, lost: 0 }
  const refused: Record<string, number> = {}
  let isDraining = false
  const dials = createDials<HubSession>({
    request: (agentId, request) => gateway.requestTunnel(agentId, request),
    randomBytes: options.randomBytes,
    clock,
  })
  const all = (): HubSession[] => [...agents.values()].flatMap((own) => Object.values(own))

  const forget = (agentId: string, tunnelClass: TunnelClass, session: HubSession): void => {
    const own = agents.get(agentId)
    if (own?.[tunnelClass] !== session) return
    delete own[tunnelClass]
    if (Object.keys(own).length === 0) agents.delete(agentId)
  }

  const usable = (agentId: string, tunnelClass: TunnelClass): HubSession | undefined => {
    const session = agents.get(agentId)?.[tunnelClass]
    return session?.isUsable() === true ? session : undefined
  }

  const sessionFor = async (agentId: string, tunnelClass: TunnelClass, signal: AbortSignal): Promise<HubSession> => {
    const existing = usable(agentId, tunnelClass)
    if (existing !== undefined) return existing
    return orAborted(dials.session(agentId, tunnelClass), signal)
  }

  /** Streams beyond these could hold more than the budget. */
  const checkBudget = (agentId: string): void => {
    const own = Object.values(agents.get(agentId) ?? {})
    const streams = own.reduce((sum, session) => sum + session.streams(), 0)
    if (streams >= tunnelLimits.streamsPerSession) throw new TunnelError('Busy', `${streams} streams of this agent are open`)
    const unread = own.reduce((sum, session) => sum + session.unreadBytes(), 0)
    if (unread >= unreadBudgetBytes) throw new TunnelError('Busy', `${unread} bytes of this agent's streams are unread`)
  }

  const openOnce = async (agentId: string, request: OpenOptions, signal: AbortSignal): Promise<TunnelStream> => {
    const session = await sessionFor(agentId, request.class, signal)
    const admission = gateway.isAllowed(agentId, session.serial)
    if (!admission.ok) {
      session.destroy(admission.reason)
      throw new TunnelError('IdentityRefused', `the agent's identity is not accepted: ${admission.reason}`)
    }
    checkBudget(agentId)
    if (!session.isUsable()) throw new TunnelError('Lost', 'the connection has ended')
    return session.open(request.target, request.user, signal)
  }

  const open = async (agentId: string, request: OpenOptions, signal: AbortSignal): Promise<TunnelStream> => {
    const { target, user } = request
    if (isDraining) throw new TunnelError('Draining', 'the hub is stopping')
    if (!tunnelTargetPattern.test(target)) throw new TunnelError('TargetNotAllowed', 'this is not a name of a tunnel target')
    if (Buffer.byteLength(user) > tunnelLimits.userBytes) throw new TunnelError('NotAllowed', 'the name of the user is too long')
    const permission = authorise({ agentId, target, class: request.class, user })
    if (!permission.ok) throw new TunnelError('NotAllowed', permission.reason)
    try {
      return await openOnce(agentId, request, signal)
    } catch (error) {
      // The connection may have been closing, or half dead, when it was chosen: nothing was transferred, so another one is tried.
      if (!(error instanceof TunnelError) || error.code !== 'Lost' || isDraining) throw error
      return openOnce(agentId, request, signal)
    }
  }

  return {
    async open(agentId, request) {
      const deadline = new AbortController()
      const timeoutMs = request.timeoutMs ?? tunnelLimits.openTimeoutMs
      const timer = clock.setTimer(timeoutMs, () =>
        deadline.abort(new TunnelError('Timeout', `the stream was not open within ${timeoutMs} ms`)),
      )
      const onAbort = (): void =>
        deadline.abort(new TunnelError('Canceled', 'the caller gave up while the stream was being opened', request.signal?.reason))
      request.signal?.addEventListener('abort', onAbort, { once: true })
      if (request.signal?.aborted === true) onAbort()
      try {
        const stream = await open(agentId, request, deadline.signal)
        counts.opened += 1
        whenAborted(stream, request.signal)
        return stream
      } catch (error) {
        const code: TunnelErrorCode | 'Unknown' = error instanceof TunnelError ? error.code : 'Unknown'
        refused[code] = (refused[code] ?? 0) + 1
        throw error
      } finally {
        timer.cancel()
        request.signal?.removeEventListener('abort', onAbort)
      }
    },
    accept(socket, { agentId, serial, tunnelClass }) {
      const isExpected =
        !isDraining &&
        dials.arrived(agentId, tunnelClass, (ticket) => {
          counts.dials += 1
          const session = createHubSession({
            ...{ socket, tunnelClass, serial, ticket, clock, idleMs },
            onEnd(reason) {
              forget(agentId, tunnelClass, session)
              if (reason === undefined) return
              counts.lost += 1
              log.info({ agentId, tunnelClass, reason }, 'a tunnel connection has ended')
            },
          })
          const own = agents.get(agentId) ?? {}
          agents.set(agentId, own)
          const before = own[tunnelClass]
          own[tunnelClass] = session
          // One that takes no streams any more; those it has may finish.
          before?.drain()
          return session
        })
      if (isExpected) return
      log.warn({ agentId, tunnelClass }, 'a tunnel connection that nobody asked for was refused')
      socket.destroy()
    },
    closeAgent(agentId) {
      dials.reject(new TunnelError('IdentityRefused', 'the agent was disconnected'), agentId)
      for (const session of Object.values(agents.get(agentId) ?? {})) session.destroy()
    },
    async drain() {
      isDraining = true
      dials.reject(new TunnelError('Draining', 'the hub is stopping'))
      const deadline = Promise.withResolvers<void>()
      const timer = clock.setTimer(drainMs, deadline.resolve)
      const draining = all()
      for (const session of draining) session.drain()
      await Promise.race([Promise.all(draining.map((session) => session.ended)), deadline.promise])
      timer.cancel()
      for (const session of all()) session.destroy()
      await Promise.all(draining.map((session) => session.ended))
    },
    stats(): TunnelStats {
      const sessions = { interactive: 0, bulk: 0 }
      for (const own of agents.values()) for (const name of Object.keys(own)) sessions[name as TunnelClass] += 1
      return {
        sessions,
        streams: all().reduce((sum, session) => sum + session.streams(), 0),
        unreadBytes: all().reduce((sum, session) => sum + session.unreadBytes(), 0),
        ...counts,
        refused: { ...refused },
      }
    },
    close() {
      isDraining = true
      dials.reject(new TunnelError('Draining', 'the hub is stopping'))
      for (const session of all()) session.destroy()
    },
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function whenAborted(stream: TunnelStream, signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  const onAbort = (): void => void stream.destroy(new TunnelError('Canceled', 'the caller gave up', signal.reason))
  if (signal.aborted) return onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', onAbort))
}
