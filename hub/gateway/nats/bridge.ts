// Carries one agent's TLS socket to the NATS server: reads the server's INFO and the client's CONNECT, checks that the JWT
// belongs to the certificate, then passes bytes with back-pressure and looks at nothing.
import { connect as connectTcp, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '#shared/clock/clock.ts'
import type { SecurityEvent } from '../types.ts'
import { jwtProblem } from './jwt-check.ts'
import { maxConnectLineBytes, maxInfoLineBytes, readConnect, rewriteInfo } from './lines.ts'
import type { Verifier } from './nkey.ts'
import type { NatsAddress } from './server.ts'
import type { Violations } from './violations.ts'

export interface BridgeOptions {
  upstream(): NatsAddress | undefined
  /** Opens the connection to the server; plain TCP unless given. */
  dial?(address: NatsAddress): Socket
  agentSigner: Verifier
  /** Told of each connection to the server by its local port, before the client can say anything on it, and of its end. */
  connections?: Pick<Violations, 'opened' | 'closed'>
  clock: Clock
  onRefused(reason: string): void
  onSecurityEvent(event: SecurityEvent): void
}

/** From the end of the TLS handshake to a CONNECT line. */
const connectTimeoutMs = 15_000
const bufferBytes = 16 * 1024

// Node hands unknown options of a socket to its stream; the types do not list highWaterMark.
const socketOptions = { noDelay: true, keepAlive: true, highWaterMark: bufferBytes }
const dialTcp = (address: NatsAddress): Socket => connectTcp({ ...address, ...socketOptions })

export function createBridge(options: BridgeOptions): (client: TLSSocket, agentId: string) => void {
  const { clock, agentSigner, onRefused } = options
  const dial = options.dial ?? dialTcp
  return (client, agentId) => {
    const target = options.upstream()
    if (target === undefined) {
      onRefused('NatsDown')
      client.destroy()
      return
    }
    const server = dial(target)
    const timer = clock.setTimer(connectTimeoutMs, () => end('NatsConnectTimeout'), true)
    const end = (reason?: string): void => {
      timer.cancel()
      if (reason !== undefined) onRefused(reason)
      client.destroy()
      server.destroy()
    }
    server.on('error', () => {})
    let port: number | undefined
    server.once('connect', () => {
      port = server.localPort
      if (port !== undefined) options.connections?.opened(port, agentId, client.remoteAddress ?? '')
    })
    server.once('close', () => {
      if (port !== undefined) options.connections?.closed(port)
      end()
    })
    client.once('close', () => end())
    const refuse = (kind: SecurityEvent['kind'], message: string): void => {
      options.onSecurityEvent({ kind, agentId, address: client.remoteAddress ?? '', message })
      // Said in the server's own words, so that the client sees why and does not try again at once.
      if (client.writable) client.end(`-ERR 'Authorization Violation'\r\n`, () => end())
      onRefused(kind)
      timer.cancel()
      server.destroy()
    }

    readLine(server, maxInfoLineBytes, (info) => {
      if (info === undefined) return end('NatsInfoInvalid')
      let greeting: string
      try {
        greeting = rewriteInfo(info)
      } catch {
        return end('NatsInfoInvalid')
      }
      client.write(greeting)
      readLine(client, maxConnectLineBytes, (connect) => {
        if (connect === undefined) return refuse('MalformedConnect', `no CONNECT line within ${maxConnectLineBytes} bytes`)
        let fields: ReturnType<typeof readConnect>
        try {
          fields = readConnect(connect, agentId)
        } catch (error) {
          return refuse('MalformedConnect', error instanceof SyntaxError ? 'CONNECT is not valid JSON' : (error as Error).message)
        }
        const problem = jwtProblem(fields.jwt, agentId, agentSigner, clock.now())
        if (problem !== undefined) return refuse('ForeignJwt', `the NATS JWT does not belong to the certificate: ${problem}`)
        timer.cancel()
        server.write(fields.line)
        pass(client, server)
        pass(server, client)
      })
    })
  }
}

function pass(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.once('end', () => to.destroy())
}

/** Reads up to the first line end and gives back what follows; `undefined` when the line is too long or the socket ends before. */
function readLine(socket: Socket, maxBytes: number, done: (line: string | undefined) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const finish = (line: string | undefined): void => {
    socket.off('readable', onReadable)
    socket.off('end', onEnd)
    done(line)
  }
  const onEnd = (): void => finish(undefined)
  const onReadable = (): void => {
    for (;;) {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) break
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const lineEnd = bytes.indexOf(10)
      if (lineEnd > maxBytes || (lineEnd < 0 && bytes.length > maxBytes)) return finish(undefined)
      if (lineEnd < 0) continue
      const rest = bytes.subarray(lineEnd + 1)
      if (rest.length > 0) socket.unshift(rest)
      return finish(bytes.toString('utf8', 0, lineEnd))
    }
  }
  socket.on('readable', onReadable)
  socket.once('end', onEnd)
  // Bytes that came before anybody listened do not announce themselves again.
  if (socket.readableLength > 0) onReadable()
}
