// The handshake with a proxy, limited in time and in the agent's own errors.
import type { Socket } from 'node:net'
import type { Proxy } from '#agent/config/proxy.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import { type Limits, timed } from '#agent/link/timed.ts'
import { AgentError } from '#shared/errors/agent-error.ts'
import { ProxyHandshakeError, proxyHandshake } from '#shared/net/proxy-handshake.ts'

/** Leaves the socket at the first byte of the target. Destroys it when it fails. */
export function throughProxy(socket: Socket, target: Endpoint, proxy: Proxy, limits: Limits): Promise<void> {
  return timed<void>(
    `the answer of the proxy ${proxy.host}:${proxy.port}`,
    limits,
    () => socket.destroy(),
    (resolve, reject) => {
      proxyHandshake(socket, target, proxy).then(resolve, (error: Error) =>
        reject(error instanceof ProxyHandshakeError ? new AgentError(error.code, error.message, error.cause) : error),
      )
    },
  )
}
