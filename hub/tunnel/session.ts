// One tunnel connection: the hub is the HTTP/2 client on a socket that the agent dialled, and opens CONNECT streams on it.
import { createHmac } from 'node:crypto'
import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { noncePayload, type TunnelClass, tunnelHeaders, tunnelLimits, tunnelSessionMemoryMb } from '#shared/contract/tunnel.ts'
import { isTunnelErrorCode, TunnelError } from '#shared/errors/tunnel-error.ts'
import { careForSession, firstWindowBytes } from '#shared/tunnel/session-care.ts'
import { TunnelStream } from '#shared/tunnel/stream.ts'
import { limitUnreadPieces } from '#shared/tunnel/unread-pieces.ts'

export interface HubSessionOptions {
  socket: TLSSocket
  tunnelClass: TunnelClass
  serial: string
  /** What the agent was told over its control plane; proves that a stream comes from the hub that asked. */
  ticket: string
  clock: Clock
  idleMs: number
  /** Called once; `reason` is undefined when it was closed here. */
  onEnd(reason: string | undefined): void
}

export interface HubSession {
  readonly serial: string
  /** False as soon as no new stream may be opened. */
  isUsable(): boolean
  /** @throws TunnelError, or the signal's reason */
  open(target: string, user: string, signal: AbortSignal): Promise<TunnelStream>
  streams(): number
  unreadBytes(): number
  windowBytes(): number
  /** No new streams. */
  drain(): void
  /** Resolves when the connection is closed, because the last stream has ended or otherwise. */
  ended: Promise<void>
  destroy(reason?: string): void
}

export function createHubSession({ socket, tunnelClass, serial, ticket, clock, idleMs, onEnd }: HubSessionOptions): HubSession {
  const session = connect('https://tunnel.internal', {
    createConnection: () => socket,
    settings: { initialWindowSize: firstWindowBytes(tunnelClass), enablePush: false },
    peerMaxConcurrentStreams: tunnelLimits.streamsPerSession,
    maxSessionMemory: tunnelSessionMemoryMb,
  })
  const ended = Promise.withResolvers<void>()
  const open = new Map<ClientHttp2Stream, TunnelStream | undefined>()
  let counter = 0
  let reason: string | undefined = 'the agent closed the connection'
  let isClosing = false
  let idle: Timer | undefined

  const destroy = (why?: string): void => {
    reason = why
    session.destroy()
    // Node ends the socket politely after the session; nothing of it is wanted any more.
    socket.destroy()
  }
  const care = careForSession({
    session,
    socket,
    tunnelClass,
    clock,
    onSilent: (silentMs) => destroy(`nothing was heard from the agent for ${Math.round(silentMs)} ms`),
  })
  const finish = (): void => {
    if (isClosing && !session.destroyed) destroy()
  }
  const counted = (): void => {
    care.streams(open.size)
    idle?.cancel()
    if (open.size > 0) return
    if (isClosing) finish()
    else
      idle = clock.setTimer(
        idleMs,
        () => {
          isClosing = true
          finish()
        },
        true,
      )
  }
  session.on('error', (error) => {
    reason = error.message
  })
  // The agent is going: its streams may finish, new ones need another connection.
  session.on('goaway', () => {
    isClosing = true
    counted()
  })
  session.on('close', () => {
    care.stop()
    idle?.cancel()
    socket.destroy()
    ended.resolve()
    onEnd(reason)
  })
  counted()

  return {
    serial,
    isUsable: () => !isClosing && !session.destroyed && !session.closed,
    open(target, user, signal) {
      counter += 1
      const proof = createHmac('sha256', ticket)
        .update(noncePayload(counter, target, user))
        .digest('base64url')
      const request = session.request(
        {
          ':method': 'CONNECT',
          ':authority': target,
          [tunnelHeaders.nonce]: `${counter}.${proof}`,
          [tunnelHeaders.user]: encodeURIComponent(user),
        },
        { endStream: false },
      )
      limitUnreadPieces(request, tunnelLimits.unreadPieces, () => request.destroy(new Error('too many small pieces are unread')))
      open.set(request, undefined)
      counted()
      request.once('close', () => {
        open.delete(request)
        counted()
      })
      return answered(request, signal, (stream) => open.set(request, stream))
    },
    streams: () => open.size,
    unreadBytes() {
      let total = 0
      for (const stream of open.values()) total += stream?.unreadBytes ?? 0
      return total
    },
    windowBytes: care.windowBytes,
    drain() {
      isClosing = true
      // GOAWAY: the agent learns that no stream will come.
      if (!session.destroyed) session.close()
      counted()
    },
    ended: ended.promise,
    destroy,
  }
}

function answered(request: ClientHttp2Stream, signal: AbortSignal, onStream: (stream: TunnelStream) => void): Promise<TunnelStream> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      request.off('response', onResponse)
      request.off('close', onClose)
      act()
    }
    const fail = (error: Error): void =>
      settle(() => {
        if (!request.destroyed) request.destroy(error)
        reject(error)
      })
    const onAbort = (): void => fail(signal.reason as Error)
    const onClose = (): void => {
      // A target that is gone as soon as it was there; with any other code the stream was not looked at.
      const isBroken = request.rstCode === constants.NGHTTP2_INTERNAL_ERROR
      fail(
        isBroken
          ? new TunnelError('Reset', 'the agent broke the stream off while it was being opened')
          : new TunnelError('Lost', 'the connection was lost while the stream was being opened'),
      )
    }
    const onResponse = (headers: IncomingHttpHeaders & { ':status'?: number }): void => {
      if (headers[':status'] !== 200) return fail(refusal(headers))
      settle(() => {
        const stream = new TunnelStream(request)
        onStream(stream)
        resolve(stream)
      })
    }
    request.on('error', () => {
      // 'close' follows, and says what it was to whom it belongs.
    })
    request.on('response', onResponse)
    request.on('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

function refusal(headers: IncomingHttpHeaders): TunnelError {
  const code = headers[tunnelHeaders.reason]
  const said = headers[tunnelHeaders.message]
  return new TunnelError(
    isTunnelErrorCode(code) ? code : 'TargetUnreachable',
    typeof said === 'string' && said.length <= 3 * tunnelLimits.messageBytes ? decoded(said) : 'the agent refused the stream',
  )
}

/** What the agent sent is text to show and nothing else. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text).replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
  } catch {
    return 'the agent refused the stream'
  }
}
