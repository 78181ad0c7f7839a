// The agent's end of the carriers made in Node, as a process of its own. Its first message says which.
import { connect as connectTcp } from 'node:net'
import { connect as connectPlainTls, type TLSSocket } from 'node:tls'
import { dial } from '#agent/link/dialer.ts'
import { connectTls } from '#agent/link/tls.ts'
import { createTunnelServer } from '#agent/tunnel/server.ts'
import { tcpTarget } from '#agent/tunnel/tcp-target.ts'
import type { OpenTunnel } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { type TunnelClass, tunnelProtocols } from '#shared/contract/tunnel.ts'
import { silentLog } from '#shared/log/log.ts'
import type { AgentEndStart } from './carrier.ts'
import { idBytes } from './splice.ts'
import { Multiplexer } from './websocket.ts'

async function dialHub({ hubPort, fleetCa, pins }: AgentEndStart, tunnelClass: TunnelClass): Promise<TLSSocket> {
  const socket = await dial({ host: '127.0.0.1', port: hubPort, clock: systemClock })
  return connectTls(
    socket,
    { servername: serverNames.tunnel, trust: { fleetCa, pins }, alpn: [tunnelProtocols[tunnelClass]] },
    { clock: systemClock, timeoutMs: 10_000 },
  )
}

const toTarget = (port: number) => connectTcp({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })

const kinds: Readonly<Record<AgentEndStart['kind'], (start: AgentEndStart) => Promise<void>>> = {
  async ours(start) {
    const server = createTunnelServer({
      dial: (tunnelClass) => dialHub(start, tunnelClass),
      targets: { load: tcpTarget({ host: '127.0.0.1', port: start.targetPort }, systemClock) },
      clock: systemClock,
      log: silentLog,
    })
    process.on('message', (request) => server.onNotice(request as OpenTunnel))
  },
  async splice(start) {
    process.on('message', (message) => {
      const { id } = message as { id: number }
      const tls = connectPlainTls({
        host: '127.0.0.1',
        port: start.hubPort,
        servername: serverNames.tunnel,
        ca: start.fleetCa,
        minVersion: 'TLSv1.3',
        ALPNProtocols: [tunnelProtocols.bulk],
        // net.connect's, which tls.connect passes on.
        ...{ allowHalfOpen: true },
      })
      tls.once('secureConnect', () => {
        tls.setNoDelay(true)
        const first = Buffer.alloc(idBytes)
        first.writeUInt32BE(id)
        tls.write(first)
        const target = toTarget(start.targetPort)
        for (const [one, other] of [
          [tls, target],
          [target, tls],
        ] as const) {
          one.pipe(other)
          one.on('error', () => other.destroy())
          one.on('close', () => other.destroy())
        }
      })
    })
  },
  async websocket(start) {
    const tls = await dialHub(start, 'bulk')
    new Multiplexer(tls, true, (stream) => {
      const target = toTarget(start.targetPort)
      stream.pipe(target)
      target.pipe(stream)
      stream.on('close', () => target.destroy())
      target.on('error', () => stream.destroy())
      target.on('close', () => stream.destroy())
    })
  },
}

process.once('message', (start) => {
  void kinds[(start as AgentEndStart).kind](start as AgentEndStart).then(() => process.send?.('ready'))
})
process.once('disconnect', () => process.exit())
