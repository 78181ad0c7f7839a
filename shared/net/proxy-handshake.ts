// SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 9.3.6) on a socket that is connected to the proxy. The name of the
// target goes to the proxy as it is: a firewalled machine often cannot resolve it.
import type { Duplex } from 'node:stream'
import { parseAddress } from './address.ts'
import type { Proxy } from './proxy-url.ts'

const maxAnswerBytes = 16 * 1024

export type ProxyFailure = 'ProxyProtocol' | 'ProxyAuthenticationFailed' | 'ProxyRefused'

/** Never quotes a credential. */
export class ProxyHandshakeError extends Error {
  override readonly name = 'ProxyHandshakeError'
  readonly code: ProxyFailure
  constructor(code: ProxyFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

interface Endpoint {
  host: string
  port: number
}

/** Leaves the socket at the first byte of the target. Destroying it ends the handshake. @throws ProxyHandshakeError */
export async function proxyHandshake(socket: Duplex, target: Endpoint, proxy: Proxy): Promise<void> {
  const reader = createReader(socket, `${proxy.host}:${proxy.port}`)
  try {
    await (proxy.kind === 'socks5' ? socks5(socket, reader, target, proxy) : httpConnect(socket, reader, target, proxy))
  } finally {
    reader.release()
  }
}

interface Reader {
  /** Resolves with the first n bytes, where `lengthOf` (given all that came) says n, or undefined for "more is needed". */
  take(lengthOf: (bytes: Buffer) => number | undefined): Promise<Buffer>
  /** Stops reading and puts back what was not taken. */
  release(): void
}

function createReader(socket: Duplex, where: string): Reader {
  let bytes = Buffer.alloc(0)
  let ended: Error | undefined
  let wake = () => {}
  const onReadable = () => {
    for (let part = socket.read() as Buffer | null; part !== null; part = socket.read() as Buffer | null)
      bytes = Buffer.concat([bytes, part])
    wake()
  }
  const onEnd = (error?: Error) => {
    ended ??= new ProxyHandshakeError('ProxyProtocol', `the proxy ${where} closed the connection without an answer`, error)
    wake()
  }
  socket.on('readable', onReadable).on('end', onEnd).on('error', onEnd).on('close', onEnd)
  return {
    async take(lengthOf) {
      for (;;) {
        const length = lengthOf(bytes)
        if (length !== undefined && bytes.length >= length) {
          const taken = bytes.subarray(0, length)
          bytes = bytes.subarray(length)
          return taken
        }
        if (ended) throw ended
        if (bytes.length > maxAnswerBytes)
          throw new ProxyHandshakeError('ProxyProtocol', `the proxy ${where} sent more than ${maxAnswerBytes} bytes`)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    release() {
      socket.off('readable', onReadable).off('end', onEnd).off('error', onEnd).off('close', onEnd)
      if (bytes.length > 0 && !socket.destroyed) socket.unshift(bytes)
    },
  }
}

const socksReplies: Record<number, string> = {
  1: 'general failure',
  2: 'not allowed by its rules',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'time to live expired',
  7: 'command not supported',
  8: 'address type not supported',
}

async function socks5(socket: Duplex, reader: Reader, { host, port }: Endpoint, proxy: Proxy): Promise<void> {
  const where = `${proxy.host}:${proxy.port}`
  const wantsAuth = proxy.username !== undefined
  socket.write(Buffer.from(wantsAuth ? [5, 2, 0, 2] : [5, 1, 0]))
  const method = await reader.take(() => 2)
  if (method[0] !== 5) throw new ProxyHandshakeError('ProxyProtocol', `${where} is not a SOCKS5 proxy`)
  if (method[1] === 2 && wantsAuth) {
    const user = Buffer.from(proxy.username ?? '')
    const password = Buffer.from(proxy.password ?? '')
    socket.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]))
    const answer = await reader.take(() => 2)
    if (answer[1] !== 0) throw new ProxyHandshakeError('ProxyAuthenticationFailed', `SOCKS5 authentication failed at ${where}`)
  } else if (method[1] === 0xff || method[1] === 2) {
    const what = wantsAuth
      ? 'SOCKS5 authentication failed: no method in common with'
      : 'SOCKS5 authentication failed: credentials are needed by'
    throw new ProxyHandshakeError('ProxyAuthenticationFailed', `${what} ${where}`)
  } else if (method[1] !== 0)
    throw new ProxyHandshakeError('ProxyProtocol', `${where} chose SOCKS5 method ${method[1]}, which was not offered`)
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), socksAddress(host), Buffer.from([port >> 8, port & 0xff])]))
  const reply = await reader.take((bytes) => {
    if (bytes.length < 5) return undefined
    const size = bytes[3] === 1 ? 4 : bytes[3] === 4 ? 16 : 1 + (bytes[4] ?? 0)
    return bytes[1] === 0 ? 4 + size + 2 : 5
  })
  const code = reply[1] ?? 1
  if (code !== 0)
    throw new ProxyHandshakeError(
      'ProxyRefused',
      `SOCKS5 connect to ${host}:${port} refused by ${where}: ${socksReplies[code] ?? `code ${code}`}`,
    )
}

function socksAddress(host: string): Buffer {
  const address = parseAddress(host)
  if (address) {
    const bytes = address.family === 4 ? 4 : 16
    return Buffer.concat([
      Buffer.from([address.family === 4 ? 1 : 4]),
      Buffer.from(address.value.toString(16).padStart(bytes * 2, '0'), 'hex'),
    ])
  }
  const name = Buffer.from(host)
  if (name.length > 255) throw new ProxyHandshakeError('ProxyRefused', 'SOCKS5 allows 255 bytes for a host name (RFC 1928)')
  return Buffer.concat([Buffer.from([3, name.length]), name])
}

async function httpConnect(socket: Duplex, reader: Reader, { host, port }: Endpoint, proxy: Proxy): Promise<void> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const credentials =
    proxy.username === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(`${proxy.username}:${proxy.password ?? ''}`).toString('base64')}\r\n`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`)
  const head = await reader.take((bytes) => {
    if (bytes.length >= 5 && !bytes.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
      throw new ProxyHandshakeError('ProxyProtocol', `${proxy.host}:${proxy.port} is not an HTTP proxy`)
    }
    const end = bytes.indexOf('\r\n\r\n')
    return end < 0 ? undefined : end + 4
  })
  const match = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?\r\n/.exec(head.toString('latin1'))
  if (!match) throw new ProxyHandshakeError('ProxyProtocol', `${proxy.host}:${proxy.port} is not an HTTP proxy`)
  const status = Number(match[1])
  if (status >= 200 && status < 300) return
  const phrase = (match[2] ?? '').replace(/[^ -~]/g, '?').slice(0, 128)
  throw new ProxyHandshakeError(
    // 407 says it right (RFC 9110 15.5.8); tinyproxy answers wrong credentials with 401.
    status === 407 || status === 401 ? 'ProxyAuthenticationFailed' : 'ProxyRefused',
    `HTTP CONNECT refused: ${status} ${phrase}`.trim() + ` (${authority} through ${proxy.host}:${proxy.port})`,
  )
}
