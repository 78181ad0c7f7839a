// One tunnel connection on the agent's side: the HTTP/2 server on a socket that the agent dialled. Each stream is checked against
// its ticket and the machine's policy before anything is connected.
import { constants, type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '#shared/clock/clock.ts'
import { type TunnelClass, tunnelHeaders, tunnelLimits, tunnelSessionMemoryMb, unreadBudgetBytes } from '#shared/contract/tunnel.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import type { Log } from '#shared/log/log.ts'
import { careForSession, firstWindowBytes } from '#shared/tunnel/session-care.ts'
import { TunnelStream } from '#shared/tunnel/stream.ts'
import type { TunnelTarget } from './types.ts'

export interface AgentSessionOptions {
  socket: TLSSocket
  tunnelClass: TunnelClass
  targets: ReadonlyMap<string, TunnelTarget>
  verify(nonce: string, target: string, user: string): boolean
  clock: Clock
  log: Log
  /** Called once. */
  onEnd(): void
  onRoundTrip(roundTripMs: number | undefined): void
}

export interface AgentSession {
  streams(): number
  unreadBytes(): number
  windowBytes(): number
  /** GOAWAY; resolves when the last stream has ended. */
  drain(): Promise<void>
  destroy(): void
}

export function createAgentSession(options: AgentSessionOptions): AgentSession {
  const { socket, tunnelClass, targets, verify, clock, log } = options
  const session = performServerHandshake(socket, {
    settings: { initialWindowSize: firstWindowBytes(tunnelClass), maxConcurrentStreams: tunnelLimits.streamsPerSession },
    maxSessionMemory: tunnelSessionMemoryMb,
    // The peer is our own hub: users who close their streams are no rapid-reset attack (CVE-2023-44487).
    streamResetBurst: 100_000,
    streamResetRate: 100_000,
  })
  const streams = new Map<ServerHttp2Stream, TunnelStream | undefined>()
  const ended = Promise.withResolvers<void>()
  const ending = new AbortController()
  let isDraining = false

  const destroy = (): void => {
    session.destroy()
    socket.destroy()
  }
  const care = careForSession({
    session,
    socket,
    tunnelClass,
    clock,
    onSilent(silentMs) {
      log.warn({ tunnelClass, silentMs: Math.round(silentMs) }, 'tunnel: nothing was heard from the hub')
      destroy()
    },
  })
  const counted = (): void => {
    care.streams(streams.size)
    options.onRoundTrip(care.roundTripMs())
    if (isDraining && streams.size === 0) destroy()
  }
  const unreadBytes = (): number => {
    let total = 0
    for (const stream of streams.values()) total += stream?.unreadBytes ?? 0
    return total
  }

  const serve = async (source: ServerHttp2Stream, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void> => {
    const target = String(headers[':authority'] ?? '')
    const user = decodeUser(headers[tunnelHeaders.user])
    if (headers[':method'] !== 'CONNECT' || user === undefined || !verify(String(headers[tunnelHeaders.nonce] ?? ''), target, user)) {
      log.warn({ tunnelClass }, 'tunnel: a stream without a valid ticket was refused')
      return refuse(source, new TunnelError('IdentityRefused', 'the stream does not come from the hub that asked for this connection'))
    }
    // A Map: the names of an object's own prototype are not among its keys.
    const open = targets.get(target)
    if (open === undefined) {
      log.warn({ tunnelClass, user, target: target.slice(0, 64) }, 'tunnel: a target that the policy does not name was refused')
      return refuse(source, new TunnelError('TargetNotAllowed', 'the policy of this machine names no such target'))
    }
    if (unreadBytes() >= unreadBudgetBytes) return refuse(source, new TunnelError('Busy', 'too much is unread on this connection'))
    try {
      const take = await open({ user, tunnelClass, signal })
      const stream = new TunnelStream(source)
      if (streams.has(source)) streams.set(source, stream)
      // An abort while the target was being connected: the target is told by a stream that is destroyed already.
      if (source.destroyed || source.closed) stream.destroy()
      else source.respond({ ':status': 200 })
      stream.on('error', (error) => log.debug({ target, reason: messageOf(error) }, 'tunnel: a stream has failed'))
      take(stream)
    } catch (error) {
      if (!signal.aborted) log.info({ target, user, reason: messageOf(error) }, 'tunnel: a target could not be opened')
      refuse(source, error instanceof TunnelError ? error : new TunnelError('TargetUnreachable', 'the target could not be opened', error))
    }
  }

  session.on('stream', (source: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const gone = new AbortController()
    streams.set(source, undefined)
    counted()
    source.on('error', () => {
      // 'close' follows; the stream's owner hears of it through its TunnelStream.
    })
    source.once('close', () => {
      streams.delete(source)
      counted()
      gone.abort(new TunnelError('Canceled', 'the hub gave up'))
    })
    void serve(source, headers, gone.signal)
  })
  session.on('error', (error) => log.debug({ reason: messageOf(error) }, 'tunnel: the connection has failed'))
  session.on('close', () => {
    care.stop()
    socket.destroy()
    ending.abort()
    ended.resolve()
    options.onEnd()
  })

  return {
    streams: () => streams.size,
    unreadBytes,
    windowBytes: care.windowBytes,
    drain() {
      isDraining = true
      if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR)
      counted()
      return ended.promise
    },
    destroy,
  }
}

function refuse(source: ServerHttp2Stream, error: TunnelError): void {
  if (source.destroyed || source.closed) return
  const status = error.code === 'TargetUnreachable' ? 502 : error.code === 'Busy' ? 503 : 403
  source.respond(
    {
      ':status': status,
      [tunnelHeaders.reason]: error.code,
      [tunnelHeaders.message]: encodeURIComponent(error.message.slice(0, tunnelLimits.messageBytes).toWellFormed()),
    },
    { endStream: true },
  )
}

function decodeUser(value: string | string[] | undefined): string | undefined {
  if (typeof value !== 'string' || value.length > 3 * tunnelLimits.userBytes) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}
