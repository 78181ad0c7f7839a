// The TLS server under fastify: HTTP/2 and HTTP/1.1 on sockets that the port router hands over; it never listens itself.
// Owns the limits of a connection: handshake, headers, idle time, frames, resets.
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import type { RawServerDefault } from 'fastify'
import type { FastifyServerFactory } from 'fastify'
import { type Clock, type Timer, waitFor } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import { limitUnreadPieces } from '#shared/tunnel/unread-pieces.ts'
import type { HttpLimits } from '../types.ts'
import type { Upgrades } from './upgrades.ts'

export const defaultHttpLimits: HttpLimits = { headersTimeoutMs: 10_000, bodyTimeoutMs: 30_000, idleTimeoutMs: 300_000, connections: 5_000 }

const graceMs = 1_000
const keepAliveMs = 60_000

const clientErrors: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** Node's HTTP/1.1 half of the server asks it; the types of http2 do not know it. */
interface UpgradingServer {
  shouldUpgradeCallback(request: IncomingMessage): boolean
}

/** Pieces of a body that wait to be read. */
const unreadPieces = 2_000

export interface Transport {
  serverFactory: FastifyServerFactory<RawServerDefault>
  acceptSocket(socket: Socket): void
  /** Upgrades of HTTP/1.1 connections go there; without it, and where it wants none, they are ordinary requests. */
  setUpgrades(upgrades: Upgrades): void
  /** For new connections; open ones keep theirs. */
  setTls(tls: { key: string | Buffer; cert: string | Buffer }): void
  close(): Promise<void>
}

export function createTransport(
  tls: { key: string | Buffer; cert: string | Buffer },
  limits: HttpLimits,
  clock: Clock,
  log: Log,
): Transport {
  const sockets = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  let onEmpty: (() => void) | undefined
  let server: Http2SecureServer | undefined
  let upgrades: Upgrades | undefined

  const serverFactory = (handler: (request: never, response: never) => void) => {
    server = createSecureServer(
      {
        ...tls,
        allowHTTP1: true,
        minVersion: 'TLSv1.2',
        handshakeTimeout: limits.headersTimeoutMs,
        settings: { maxConcurrentStreams: 250, maxHeaderListSize: 32 * 1024, initialWindowSize: 256 * 1024 },
        maxHeaderListPairs: 100,
        maxSessionInvalidFrames: 50,
        maxSessionRejectedStreams: 50,
        // Megabytes of what waits in one session; a stalled watcher is ended well before.
        maxSessionMemory: 64,
        // Rapid reset (CVE-2023-44487): a burst, then a rate; kubectl resets a stream for each watch it ends.
        streamResetBurst: 200,
        streamResetRate: 30,
        unknownProtocolTimeout: 5_000,
        http1Options: {
          headersTimeout: limits.headersTimeoutMs,
          requestTimeout: limits.headersTimeoutMs + limits.bodyTimeoutMs,
          keepAliveTimeout: 65_000,
          connectionsCheckingInterval: 1_000,
          maxHeaderSize: 32 * 1024,
        },
      } as Parameters<typeof createSecureServer>[0],
      handler as never,
    )
    server.on('session', guardSession)
    server.on('sessionError', (error) => log.debug({ error }, 'an HTTP/2 session ended with an error'))
    server.on('tlsClientError', (error, socket) => {
      log.debug({ error }, 'a TLS handshake failed')
      socket.destroy()
    })
    server.on('clientError', (error: Error, socket: Socket) => {
      log.debug({ error }, 'an HTTP/1.1 connection ended with an error')
      if (!socket.writable) return socket.destroy()
      const status = clientErrors[(error as NodeJS.ErrnoException).code ?? ''] ?? '400 Bad Request'
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
    })
    ;(server as unknown as UpgradingServer).shouldUpgradeCallback = (request) => upgrades?.wants(request) ?? false
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (upgrades) upgrades.accept(request, socket, head)
      else socket.destroy()
    })
    // Node checks the HTTP/1.1 header and request deadlines only once a server listens, and this one never does.
    server.emit('listening')
    return server as never
  }

  /** Ends a session that has opened no stream for a while: bytes alone (pings, a header sent byte by byte) do not keep it. */
  function guardSession(session: ServerHttp2Session): void {
    sessions.add(session)
    let open = 0
    let timer: Timer | undefined
    const arm = (delayMs: number) => {
      timer?.cancel()
      timer = clock.setTimer(
        delayMs,
        () => {
          if (open > 0) return
          session.close()
          timer = clock.setTimer(1_000, () => session.destroy(), true)
        },
        true,
      )
    }
    arm(limits.headersTimeoutMs)
    session.on('stream', (stream) => {
      open++
      timer?.cancel()
      limitUnreadPieces(stream, unreadPieces, () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM))
      stream.once('close', () => {
        open--
        if (open === 0 && !session.destroyed) arm(limits.idleTimeoutMs)
      })
    })
    session.once('close', () => {
      sessions.delete(session)
      timer?.cancel()
    })
  }

  return {
    serverFactory,
    acceptSocket(socket) {
      if (!server || sockets.size >= limits.connections) return void socket.resetAndDestroy()
      sockets.add(socket)
      socket.once('close', () => {
        sockets.delete(socket)
        if (sockets.size === 0) onEmpty?.()
      })
      socket.on('error', (error) => log.debug({ error }, 'a connection to the API failed'))
      socket.setNoDelay(true)
      // A client that vanished while it waited for a watch is found out.
      socket.setKeepAlive(true, keepAliveMs)
      server.emit('connection', socket)
    },
    setUpgrades: (next) => void (upgrades = next),
    setTls: (next) => server?.setSecureContext(next),
    async close() {
      // What is being answered may end; what is idle goes at once, and after a moment everything does.
      for (const session of sessions) session.close()
      ;(server as Partial<Pick<HttpServer, 'closeIdleConnections'>> | undefined)?.closeIdleConnections?.()
      const cancel = new AbortController()
      const empty = new Promise<void>((resolve) => (sockets.size === 0 ? resolve() : (onEmpty = resolve)))
      await Promise.race([empty, waitFor(clock, graceMs, cancel.signal).catch(() => {})]) // aborted because all have gone
      cancel.abort()
      for (const socket of sockets) socket.destroy()
      server?.close()
    },
  }
}
