// The one way out of this machine: a connected TCP socket to the hub, directly or through a proxy. Everything that talks to
// the hub gets its socket here. The address is resolved anew on every call.
import { connect, type Socket } from 'node:net'
import type { Proxy } from '#agent/config/proxy.ts'
import { throughProxy } from '#agent/link/proxy-handshake.ts'
import { type Limits, timed } from '#agent/link/timed.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'

export const dialTimeoutMs = 10_000

export interface Endpoint {
  host: string
  port: number
}

export interface DialOptions extends Endpoint {
  proxy?: Proxy
  /** For the whole of it, 10 s by default. */
  timeoutMs?: number
  clock: Clock
  signal?: AbortSignal
}

/** @throws AgentError NameNotFound, HubUnreachable, DialTimeout, ProxyUnreachable, ProxyAuthenticationFailed, ProxyRefused, ProxyProtocol */
export async function dial({ host, port, proxy, timeoutMs = dialTimeoutMs, clock, signal }: DialOptions): Promise<Socket> {
  const end = clock.monotonicMs() + timeoutMs
  const first = proxy ?? { host, port }
  const socket = await connectTcp(first, proxy === undefined ? 'HubUnreachable' : 'ProxyUnreachable', { clock, timeoutMs, signal })
  if (proxy) await throughProxy(socket, { host, port }, proxy, { clock, timeoutMs: Math.max(1, end - clock.monotonicMs()), signal })
  return socket
}

function connectTcp({ host, port }: Endpoint, code: 'HubUnreachable' | 'ProxyUnreachable', limits: Limits): Promise<Socket> {
  const where = `${host}:${port}`
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 })
  return timed<Socket>(
    `connecting to ${where}`,
    limits,
    () => socket.destroy(),
    (resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const isName = error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN'
        reject(new AgentError(isName ? 'NameNotFound' : code, `cannot connect to ${where}: ${messageOf(error)}`, error))
      })
      socket.once('connect', () => {
        socket.removeAllListeners('error')
        // Until its next owner listens, an error must not end the process; the owner sees the closed socket.
        socket.on('error', () => {})
        resolve(socket)
      })
    },
  )
}
