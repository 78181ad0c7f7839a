// The tunnel target `kube`: an HTTP/1.1 server on each stream that the hub opens. It checks whom a request is made as, rebuilds its
// header from a list, adds the agent's own credentials and asks the API server. It keeps nothing and holds nothing back.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { KubernetesPolicy } from '#agent/config/kubernetes.ts'
import type { TunnelTarget } from '#agent/tunnel/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'
import { createConnections } from './connections.ts'
import { createCredentials } from './credentials.ts'
import { forward } from './forward.ts'
import type { ReadText } from './types.ts'
import { forwardUpgrade } from './upgrade.ts'

export interface KubeTargetOptions {
  policy: KubernetesPolicy
  readText: ReadText
  environment: Readonly<Record<string, string | undefined>>
  clock: Clock
  log: Log
}

export function kubeTarget(options: KubeTargetOptions): TunnelTarget {
  const { log } = options
  const deps = { credentials: createCredentials(options), connections: createConnections(options.clock), log }
  const users = new WeakMap<Duplex, string>()
  const userOf = ({ socket }: IncomingMessage): string | undefined => users.get(socket)

  // No limit of time: the hub is on the other end, keeps connections for its users and ends them itself.
  const server: Server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0, maxHeaderSize: 64 * 1024 })
  // One request that goes wrong in a way nobody thought of ends its own stream, not the agent.
  const failed = (socket: Duplex) => (error: unknown) => {
    log.error({ reason: messageOf(error) }, 'kube: a request could not be handled')
    socket.destroy()
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    forward(request, response, userOf(request), deps).catch(failed(request.socket))
  })
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    forwardUpgrade({ request, stream, head, user: userOf(request) }, deps).catch(failed(stream))
  })
  server.on('clientError', (error, stream: Duplex) => {
    log.debug({ reason: messageOf(error) }, 'kube: a stream has failed')
    stream.destroy()
  })

  return ({ user }) =>
    Promise.resolve((stream: Duplex) => {
      users.set(stream, user)
      server.emit('connection', stream)
    })
}
