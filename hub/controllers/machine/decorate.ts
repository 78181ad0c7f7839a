// What only memory knows, added to a Machine on its way out of the API: a heartbeat each 10 s is no reason to write an object.
import type { Machine } from '#shared/contract/machine.ts'
import type { Presence } from './presence.ts'

export function decorateMachine(machine: Machine, presence: Presence): Machine {
  const session = machine.status?.agentId ? presence.get(machine.status.agentId) : undefined
  if (!session || !presence.isAlive(session)) return machine
  return {
    ...machine,
    status: {
      ...machine.status,
      lastHeartbeatTime: session.lastSeenAt.toISOString(),
      planes: session.planes.map(({ name, ok, reason, roundTripMicroseconds }) => ({
        name,
        ok,
        ...(reason && { reason }),
        ...(roundTripMicroseconds && { roundTripMicroseconds }),
      })),
    },
  }
}
