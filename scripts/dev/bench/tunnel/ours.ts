// The tunnel as the hub and the agent run it; only the request to dial comes from this process instead of over NATS.
import { randomBytes } from 'node:crypto'
import { createTunnels } from '#hub/tunnel/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { tunnelClassOf } from '#shared/contract/tunnel.ts'
import { silentLog } from '#shared/log/log.ts'
import { type StartCarrier, startAgentEnd, stop } from './carrier.ts'
import { startHubTls } from './hub-tls.ts'

const agentId = `a${'b'.repeat(25)}`

export const startOurs: StartCarrier = async ({ targetPort, line }) => {
  const tunnels = createTunnels({
    gateway: {
      requestTunnel: (_agentId, { tunnelClass, ticket }) => void agent.send({ sessionClass: tunnelClass, ticket }),
      isAllowed: () => ({ ok: true }),
    },
    authorise: () => ({ ok: true }),
    randomBytes,
    clock: systemClock,
    log: silentLog,
  })
  const hub = await startHubTls((socket) => {
    const tunnelClass = tunnelClassOf(socket.alpnProtocol)
    if (tunnelClass) tunnels.accept(socket, { agentId, serial: '', tunnelClass })
  })
  const agent = await startAgentEnd({ kind: 'ours', hubPort: await line(hub.port), targetPort, fleetCa: hub.fleetCa, pins: hub.pins })
  return {
    open: (tunnelClass) => tunnels.open(agentId, { target: 'load', class: tunnelClass, user: 'bench' }),
    pids: () => [agent.pid as number],
    ends: () => ({ hub: process.pid, agent: agent.pid as number }),
    async close() {
      tunnels.close()
      await stop(agent)
      hub.close()
    },
  }
}
