// The hub's TLS end of the carriers made in Node, and the certificate that they share.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { openPki } from '#hub/pki/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { tunnelProtocols } from '#shared/contract/tunnel.ts'

export async function startHubTls(onSocket: (socket: TLSSocket) => void): Promise<{
  port: number
  fleetCa: string
  pins: string[]
  close(): void
}> {
  const dataDir = mkdtempSync(join(tmpdir(), 'moorline-bench-'))
  const pki = await openPki({ dataDir, names: ['localhost'], clock: systemClock })
  const server = createServer({ ...pki.agentTls, ALPNProtocols: Object.values(tunnelProtocols), allowHalfOpen: true }, (socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {
      // The carrier is being stopped.
    })
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    fleetCa: pki.fleetCaPem,
    pins: pki.pins,
    close() {
      server.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
