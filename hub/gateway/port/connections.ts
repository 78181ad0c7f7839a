// Every live agent socket by agent id, so that revoking an identity ends what it holds open, at once.
import type { TLSSocket } from 'node:tls'
import type { PeerIdentity } from './identity.ts'

export type Plane = 'nats' | 'grpc' | 'tunnel'

export interface Connection extends PeerIdentity {
  plane: Plane
  socket: TLSSocket
  address: string
}

/** More sockets of one agent and plane than reconnecting can explain; the oldest gives way, it is most likely half open. */
const maxPerPlane = 4

export interface Connections {
  add(connection: Connection): void
  get(socket: TLSSocket): Connection | undefined
  has(agentId: string, plane: Plane): boolean
  /** Ends the agent's sockets; `isKept` may spare some. */
  close(agentId: string): void
  /** Ends sockets for which `isOver` says so. */
  sweep(isOver: (connection: Connection) => boolean): void
  counts(): { nats: number; grpc: number; tunnel: number; agents: number }
  addressOf(agentId: string): string
}

export function createConnections(events: { onLastGone(agentId: string): void; onTooMany(connection: Connection): void }): Connections {
  const byAgent = new Map<string, Set<Connection>>()
  const bySocket = new WeakMap<TLSSocket, Connection>()
  const counts = { nats: 0, grpc: 0, tunnel: 0 }
  const has = (agentId: string, plane: Plane): boolean => [...(byAgent.get(agentId) ?? [])].some((connection) => connection.plane === plane)

  const remove = (connection: Connection): void => {
    const own = byAgent.get(connection.agentId)
    if (own?.delete(connection) !== true) return
    counts[connection.plane] -= 1
    if (own.size === 0) byAgent.delete(connection.agentId)
    if (connection.plane === 'nats' && !has(connection.agentId, 'nats')) events.onLastGone(connection.agentId)
  }

  return {
    add(connection) {
      const own = byAgent.get(connection.agentId) ?? new Set()
      byAgent.set(connection.agentId, own)
      own.add(connection)
      bySocket.set(connection.socket, connection)
      counts[connection.plane] += 1
      connection.socket.once('close', () => remove(connection))
      const samePlane = [...own].filter((other) => other.plane === connection.plane)
      const oldest = samePlane[0]
      if (samePlane.length > maxPerPlane && oldest !== undefined) {
        events.onTooMany(oldest)
        oldest.socket.destroy()
      }
    },
    get: (socket) => bySocket.get(socket),
    has,
    close(agentId) {
      for (const connection of byAgent.get(agentId) ?? []) connection.socket.destroy()
    },
    sweep(isOver) {
      for (const own of byAgent.values()) for (const connection of own) if (isOver(connection)) connection.socket.destroy()
    },
    counts: () => ({ ...counts, agents: [...byAgent.keys()].filter((agentId) => has(agentId, 'nats')).length }),
    addressOf: (agentId) => [...(byAgent.get(agentId) ?? [])].findLast((connection) => connection.plane === 'nats')?.address ?? '',
  }
}
