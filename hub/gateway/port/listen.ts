// The hub's one TCP port. Looks at each connection's ClientHello and hands the raw socket on, whole: to the agents' TLS
// servers for one of their names, to the web server for everything else.
import { createServer, type Socket } from 'node:net'
import type { Clock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import type { Log } from '#shared/log/log.ts'
import { createAcceptQueue } from './accept-queue.ts'
import { peekClientHello } from './peek.ts'

export type AgentServerName = (typeof serverNames)[keyof typeof serverNames]
const agentNames: ReadonlySet<string> = new Set(Object.values(serverNames))

export interface PortOptions {
  clock: Clock
  log: Log
  handshakesPerSecond: number
  maxSockets: number
  onAgentSocket(socket: Socket, serverName: AgentServerName): void
  onWebSocket(socket: Socket): void
  onRefused(reason: string): void
}

export interface Port {
  listen(address: { host: string; port: number }): Promise<{ port: number }>
  peeking(): number
  waiting(): number
  close(): Promise<void>
}

const keepAliveMs = 15_000

export function createPort(options: PortOptions): Port {
  const { clock, log, onRefused } = options
  const sockets = new Set<Socket>()
  let peeking = 0

  interface Waiting {
    socket: Socket
    serverName: AgentServerName
    detach: () => void
  }
  /** A reset, not a clean end: the agent must count this as a failure and back off. */
  const turnAway = ({ socket, detach }: Waiting): void => {
    onRefused('HandshakeQueueFull')
    detach()
    socket.on('error', () => {})
    socket.resetAndDestroy()
  }
  const queue = createAcceptQueue<Waiting>(
    { clock, perSecond: options.handshakesPerSecond },
    ({ socket, serverName, detach }) => {
      detach()
      options.onAgentSocket(socket, serverName)
    },
    turnAway,
  )

  const enqueue = (socket: Socket, serverName: AgentServerName): void => {
    const onGone = (): void => {
      detach()
      queue.remove(entry)
      socket.on('error', () => {})
      socket.destroy()
    }
    const detach = (): void => {
      socket.off('close', onGone)
      socket.off('error', onGone)
    }
    const entry = { socket, serverName, detach }
    socket.on('close', onGone)
    socket.on('error', onGone)
    if (!queue.add(entry)) turnAway(entry)
  }

  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, highWaterMark: 16 * 1024 },
    (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      peeking += 1
      peekClientHello(socket, clock, (result) => {
        peeking -= 1
        if (result.kind === 'refused') return onRefused(result.reason)
        const name = result.serverName
        if (name !== undefined && agentNames.has(name)) enqueue(socket, name as AgentServerName)
        else options.onWebSocket(socket)
      })
    },
  )
  server.maxConnections = options.maxSockets
  server.on('drop', () => onRefused('TooManySockets'))

  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', (cause: NodeJS.ErrnoException) =>
          reject(
            new OperatorError(
              'ListenFailed',
              `The hub cannot listen on ${host}:${port}: ${cause.message}.`,
              cause.code === 'EADDRINUSE'
                ? 'Stop the process that uses the port, or choose another with --listen.'
                : 'Choose another address with --listen.',
              cause,
            ),
          ),
        )
        server.listen({ host, port, backlog: 4096 }, () => {
          server.removeAllListeners('error')
          // Out of descriptors is a state, not the end: the listener goes on when some are free.
          server.on('error', (error) => log.error({ error: error.message }, 'the hub port reports an error'))
          const address = server.address()
          resolve({ port: typeof address === 'object' && address !== null ? address.port : port })
        })
      }),
    peeking: () => peeking,
    waiting: () => queue.waiting(),
    async close() {
      queue.close()
      const isClosed = new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()))
      for (const socket of sockets) socket.destroy()
      await isClosed
    },
  }
}
