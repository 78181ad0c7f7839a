// SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 9.3.6) on a socket that is connected to the proxy. The name of the
// target goes to the proxy as it is: a firewalled machine often cannot resolve it.
import { isIP, type Socket } from 'node:net'
import type { Proxy } from '#agent/config/proxy.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import { type Limits, timed } from '#agent/link/timed.ts'
import { AgentError } from '#shared/errors/agent-error.ts'

const maxAnswerBytes = 16 * 1024

/** Leaves the socket at the first byte of the target. Destroys it when it fails. */
export function throughProxy(socket: Socket, target: Endpoint, proxy: Proxy, limits: Limits): Promise<void> {
  const where = `${proxy.host}:${proxy.port}`
  return timed<void>(
    `the answer of the proxy ${where}`,
    limits,
    () => socket.destroy(),
    (resolve, reject) => {
      const reader = createReader(socket, where)
      const handshake = proxy.kind === 'socks5' ? socks5(socket, reader, target, proxy) : httpConnect(socket, reader, target, proxy)
      handshake.then(
        () => {
          reader.release()
          resolve()
        },
        (error: Error) => {
          reader.release()
          reject(error)
        },
      )
    },
  )
}

interface Reader {
  /** Resolves with the first n bytes, where `lengthOf` (given all that came) says n, or undefined for "more is needed". */
  take(lengthOf: (bytes: Buffer) => number | undefined): Promise<Buffer>
  /** Stops reading and puts back what was not taken. */
  release(): void
}

function createReader(socket: Socket, where: string): Reader {
  let bytes = Buffer.alloc(0)
  let ended: Error | undefined
  let wake = () => {}
  const onReadable = () => {
    for (let part = socket.read() as Buffer | null; part !== null; part = socket.read() as Buffer | null)
      bytes = Buffer.concat([bytes, part])
    wake()
  }
  const onEnd = (error?: Error) => {
    ended ??= new AgentError('ProxyProtocol', `the proxy ${where} closed the connection without an answer`, error)
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
          throw new AgentError('ProxyProtocol', `the proxy ${where} sent more than ${maxAnswerBytes} bytes`)
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

async function socks5(socket: Socket, reader: Reader, { host, port }: Endpoint, proxy: Proxy): Promise<void> {
  const where = `${proxy.host}:${proxy.port}`
  const wantsAuth = proxy.username !== undefined
  socket.write(Buffer.from(wantsAuth ? [5, 2, 0, 2] : [5, 1, 0]))
  const method = await reader.take(() => 2)
  if (method[0] !== 5) throw new AgentError('ProxyProtocol', `${where} is not a SOCKS5 proxy`)
  if (method[1] === 2 && wantsAuth) {
    const user = Buffer.from(proxy.username ?? '')
    const password = Buffer.from(proxy.password ?? '')
    socket.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]))
    const answer = await reader.take(() => 2)
    if (answer[1] !== 0) throw new AgentError('ProxyAuthenticationFailed', `SOCKS5 authentication failed at ${where}`)
  } else if (method[1] === 0xff || method[1] === 2) {
    const what = wantsAuth
      ? 'SOCKS5 authentication failed: no method in common with'
      : 'SOCKS5 authentication failed: credentials are needed by'
    throw new AgentError('ProxyAuthenticationFailed', `${what} ${where}`)
  } else if (method[1] !== 0) throw new AgentError('ProxyProtocol', `${where} chose SOCKS5 method ${method[1]}, which was not offered`)
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), socksAddress(host), Buffer.from([port >> 8, port & 0xff])]))
  const reply = await reader.take((bytes) => {
    if (bytes.length < 5) return undefined
    const size = bytes[3] === 1 ? 4 : bytes[3] === 4 ? 16 : 1 + (bytes[4] ?? 0)
    return bytes[1] === 0 ? 4 + size + 2 : 5
  })
  const code = reply[1] ?? 1
  if (code !== 0)
    throw new AgentError('ProxyRefused', `SOCKS5 connect to ${host}:${port} refused by ${where}: ${socksReplies[code] ?? `code ${code}`}`)
}

function socksAddress(host: string): Buffer {
  const family = isIP(host)
  if (family === 4) return Buffer.from([1, ...host.split('.').map(Number)])
  if (family === 6) return Buffer.concat([Buffer.from([4]), ipv6Bytes(host)])
  const name = Buffer.from(host)
  if (name.length > 255) throw new AgentError('ConfigInvalid', 'hub: SOCKS5 allows 255 bytes for a host name (RFC 1928)')
  return Buffer.concat([Buffer.from([3, name.length]), name])
}

function ipv6Bytes(host: string): Buffer {
  // WHATWG URL brings every spelling, embedded IPv4 included, into groups of hex digits.
  const [head = '', tail] = new URL(`http://[${host.split('%')[0]}]/`).hostname.slice(1, -1).split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

async function httpConnect(socket: Socket, reader: Reader, { host, port }: Endpoint, proxy: Proxy): Promise<void> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const credentials =
    proxy.username === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(`${proxy.username}:${proxy.password ?? ''}`).toString('base64')}\r\n`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`)
  const head = await reader.take((bytes) => {
    if (bytes.length >= 5 && !bytes.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
      throw new AgentError('ProxyProtocol', `${proxy.host}:${proxy.port} is not an HTTP proxy`)
    }
    const end = bytes.indexOf('\r\n\r\n')
    return end < 0 ? undefined : end + 4
  })
  const match = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?\r\n/.exec(head.toString('latin1'))
  if (!match) throw new AgentError('ProxyProtocol', `${proxy.host}:${proxy.port} is not an HTTP proxy`)
  const status = Number(match[1])
  if (status >= 200 && status < 300) return
  const phrase = (match[2] ?? '').replace(/[^ -~]/g, '?').slice(0, 128)
  throw new AgentError(
    // 407 says it right (RFC 9110 15.5.8); tinyproxy answers wrong credentials with 401.
    status === 407 || status === 401 ? 'ProxyAuthenticationFailed' : 'ProxyRefused',
    `HTTP CONNECT refused: ${status} ${phrase}`.trim() + ` (${authority} through ${proxy.host}:${proxy.port})`,
  )
}
