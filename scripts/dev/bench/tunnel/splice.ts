// A TLS connection for each stream, spliced to the service: what Node can do at best, and what nobody can afford for many streams.
import type { TLSSocket } from 'node:tls'
import { type StartCarrier, startAgentEnd, stop } from './carrier.ts'
import { startHubTls } from './hub-tls.ts'

export const idBytes = 4

export const startSplice: StartCarrier = async ({ targetPort, line }) => {
  const waiting = new Map<number, (socket: TLSSocket) => void>()
  let lastId = 0
  const hub = await startHubTls((socket) => {
    const onReadable = (): void => {
      const id = socket.read(idBytes) as Buffer | null
      if (id === null) return
      socket.off('readable', onReadable)
      waiting.get(id.readUInt32BE())?.(socket)
    }
    socket.on('readable', onReadable)
  })
  const agent = await startAgentEnd({ kind: 'splice', hubPort: await line(hub.port), targetPort, fleetCa: hub.fleetCa, pins: hub.pins })
  return {
    open: () =>
      new Promise((resolve) => {
        lastId += 1
        waiting.set(lastId, resolve)
        agent.send({ id: lastId })
      }),
    pids: () => [agent.pid as number],
    ends: () => ({ hub: process.pid, agent: agent.pid as number }),
    async close() {
      await stop(agent)
      hub.close()
    },
  }
}
