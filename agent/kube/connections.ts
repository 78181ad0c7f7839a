// TLS connections to the API server, kept for the next request. Another address, CA or client certificate means another pool.
import { createHash } from 'node:crypto'
import type { ClientRequest, RequestOptions } from 'node:http'
import { Agent, request } from 'node:https'
import type { Clock } from '#shared/clock/clock.ts'
import type { KubeAccess } from './types.ts'

const idleMs = 30_000
const connectMs = 10_000

export interface Connections {
  request(access: KubeAccess, options: RequestOptions): ClientRequest
  /** On a connection of its own that may be half closed. */
  upgrade(access: KubeAccess, options: RequestOptions): ClientRequest
  close(): void
}

export function createConnections(clock: Clock): Connections {
  let pool: { key: string; agent: Agent } | undefined

  function agentOf({ host, port, tls }: KubeAccess): Agent {
    const key = createHash('sha256')
      .update(JSON.stringify([host, port, tls]))
      .digest('hex')
    if (pool?.key === key) return pool.agent
    // What is in use goes on; what waits would be used with credentials that are not current any more.
    for (const socket of Object.values(pool?.agent.freeSockets ?? {}).flat()) socket?.destroy()
    pool = {
      key,
      agent: new Agent({ keepAlive: true, maxFreeSockets: 16, timeout: idleMs, keepAliveMsecs: idleMs, ALPNProtocols: ['http/1.1'] }),
    }
    return pool.agent
  }
  const tlsOf = ({ host, port, tls }: KubeAccess): RequestOptions => ({ host, port, ...tls, minVersion: 'TLSv1.2' }) as RequestOptions

  return {
    request: (access, options) => limited(request({ ...options, ...tlsOf(access), agent: agentOf(access) }), clock),
    upgrade: (access, options) =>
      limited(request({ ...options, ...tlsOf(access), agent: false, allowHalfOpen: true } as RequestOptions), clock),
    close: () => pool?.agent.destroy(),
  }
}

/** Only connecting is limited in time; an answer may take as long as the API server wants. */
function limited(made: ClientRequest, clock: Clock): ClientRequest {
  made.once('socket', (socket) => {
    socket.setKeepAlive(true, idleMs)
    socket.setNoDelay(true)
    if (!socket.connecting) return
    const timer = clock.setTimer(connectMs, () => made.destroy(new Error(`no connection within ${connectMs / 1000} s`)), true)
    socket.once('secureConnect', () => timer.cancel()).once('close', () => timer.cancel())
  })
  return made
}
