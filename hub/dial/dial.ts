// The one way from the hub out to servers that its users name: a connected TCP socket, directly or through a proxy. A name is resolved
// once, judged, and what was resolved is what is dialled, so that a second answer of DNS leads nowhere else.
import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import type { Clock } from '#shared/clock/clock.ts'
import { DialError } from '#shared/errors/dial-error.ts'
import { ProxyHandshakeError, proxyHandshake } from '#shared/net/proxy-handshake.ts'
import type { Proxy } from '#shared/net/proxy-url.ts'
import { addressIn, isForbiddenAddress } from './addresses.ts'
import { within } from './limits.ts'

export const dialTimeoutMs = 10_000
/** Ten probes follow, one a second: a connection on which nothing is under way is found dead within 30 s. */
const keepAliveMs = 15_000

export interface DialTarget {
  host: string
  port: number
}

export interface DialOptions extends DialTarget {
  proxy?: Proxy
  signal?: AbortSignal
  /** For the whole of it, 10 s by default. */
  timeoutMs?: number
  clock: Clock
  /** Addresses of a name, for tests of what a resolver may answer. */
  resolve?(host: string): Promise<string[]>
}

/** @throws DialError; the signal's reason when it is aborted */
export async function dial({
  host,
  port,
  proxy,
  signal,
  timeoutMs = dialTimeoutMs,
  clock,
  resolve = resolveName,
}: DialOptions): Promise<Socket> {
  const where = nameOf({ host, port })
  const through = proxy ? ` through the proxy ${nameOf(proxy)}` : ''
  const late = () => new DialError('DialTimeout', `no connection to ${where}${through} within ${timeoutMs / 1000} s`)
  return within({ clock, timeoutMs, signal }, late, async (ending) => {
    if (!proxy) return connectTo({ host, port }, 'Unreachable', resolve, ending)
    // The proxy resolves the name; an address is judged here in whatever way it is written.
    const literal = addressIn(host)
    if (literal !== undefined && isForbiddenAddress(literal)) throw forbidden(host, literal)
    const socket = await connectTo(proxy, 'ProxyUnreachable', resolve, ending).catch((error: unknown) => {
      throw error instanceof DialError ? new DialError('ProxyUnreachable', error.message, error) : error
    })
    const stop = () => socket.destroy()
    ending.addEventListener('abort', stop, { once: true })
    try {
      await proxyHandshake(socket, { host, port }, proxy)
    } catch (error) {
      socket.destroy()
      ending.throwIfAborted()
      throw error instanceof ProxyHandshakeError ? new DialError(error.code, error.message, error.cause) : error
    } finally {
      ending.removeEventListener('abort', stop)
    }
    return socket
  })
}

export function nameOf({ host, port }: DialTarget): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

type Unreached = 'Unreachable' | 'ProxyUnreachable'

async function connectTo(
  { host, port }: DialTarget,
  code: Unreached,
  resolve: (host: string) => Promise<string[]>,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = await addressesOf(host, resolve)
  signal.throwIfAborted()
  const failures: string[] = []
  let last: unknown
  for (const address of addresses) {
    try {
      return await connectAddress(address, port, signal)
    } catch (error) {
      signal.throwIfAborted()
      last = error
      failures.push((error as Error).message)
    }
  }
  throw new DialError(code, `cannot connect to ${nameOf({ host, port })}: ${failures.join('; ')}`, last)
}

async function addressesOf(host: string, resolve: (host: string) => Promise<string[]>): Promise<string[]> {
  const literal = addressIn(host)
  let found: string[]
  try {
    found = literal === undefined ? await resolve(host) : [literal]
  } catch (error) {
    throw new DialError(
      'NameNotFound',
      `the name ${host} cannot be resolved (${(error as NodeJS.ErrnoException).code ?? 'no answer'})`,
      error,
    )
  }
  const [first] = found
  if (first === undefined) throw new DialError('NameNotFound', `the name ${host} has no address`)
  const allowed = found.filter((address) => !isForbiddenAddress(address))
  if (allowed.length === 0) throw forbidden(host, first)
  return allowed
}

function forbidden(host: string, address: string): DialError {
  const what = host === address ? host : `${host} is ${address}, which`
  return new DialError('AddressForbidden', `${what} is an address that the hub never dials`)
}

function connectAddress(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs })
    const stop = () => socket.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    socket.once('error', (error) => {
      signal.removeEventListener('abort', stop)
      reject(error)
    })
    socket.once('connect', () => {
      signal.removeEventListener('abort', stop)
      socket.removeAllListeners('error')
      // Until its next owner listens, an error must not end the process; the owner sees the closed socket.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}
