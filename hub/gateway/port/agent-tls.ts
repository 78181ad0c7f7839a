// The agents' TLS: terminated once, here, so that every socket is known by its certificate. Two servers, because whether a
// client certificate is asked for cannot depend on the server name inside one.
import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { serverNames } from '#shared/contract/subjects.ts'
import { tunnelClassOf, tunnelProtocols } from '#shared/contract/tunnel.ts'
import type { Pki } from '#hub/pki/types.ts'
import type { GatewayHandlers, SecurityEvent, TunnelPeer } from '../types.ts'
import type { Connections, Plane } from './connections.ts'
import { identityOf } from './identity.ts'
import type { AgentServerName } from './listen.ts'

export interface AgentTlsOptions {
  pki: Pki
  connections: Connections
  handlers: Pick<GatewayHandlers, 'isAllowed' | 'onCertificateUsed'>
  onEnrollSocket(socket: TLSSocket): void
  onGrpcSocket(socket: TLSSocket): void
  onNatsSocket(socket: TLSSocket, agentId: string): void
  /** Without it the tunnel's name is refused. */
  onTunnelSocket?(socket: TLSSocket, peer: TunnelPeer): void
  onRefused(reason: string): void
  onSecurityEvent(event: SecurityEvent): void
}

export interface AgentTls {
  accept(socket: Socket, serverName: AgentServerName): void
  /** Takes the certificates over that the PKI has now, when they are others. */
  reload(): void
  enrolling(): number
  close(): void
}

const handshakeTimeoutMs = 10_000

export function createAgentTls(options: AgentTlsOptions): AgentTls {
  const { pki, connections, handlers, onRefused } = options
  const enrolling = new Set<TLSSocket>()
  const common = {
    handshakeTimeout: handshakeTimeoutMs,
    // No resumption: each connection proves its certificate anew, against the CAs and the clock of now.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
  const textOf = ({ cert, ca }: Pki['agentTls']): string => JSON.stringify([cert, ca])
  let lastServed = textOf(pki.agentTls)
  const enrollServer = createServer({ ...pki.agentTls, ...common, ALPNProtocols: ['h2'] })
  const agentServer = createServer({
    ...pki.agentTls,
    ...common,
    ALPNProtocols: ['h2', ...Object.values(tunnelProtocols)],
    requestCert: true,
    rejectUnauthorized: true,
  })
  for (const server of [enrollServer, agentServer]) {
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      onRefused(handshakeReason(error))
      socket.destroy()
    })
  }

  enrollServer.on('secureConnection', (socket) => {
    prepare(socket)
    if (socket.servername !== serverNames.enroll) return socket.destroy()
    enrolling.add(socket)
    socket.once('close', () => enrolling.delete(socket))
    options.onEnrollSocket(socket)
  })

  agentServer.on('secureConnection', (socket) => {
    prepare(socket)
    const address = socket.remoteAddress ?? ''
    const refuse = (agentId: string, message: string): void => {
      onRefused('IdentityRefused')
      options.onSecurityEvent({ kind: 'IdentityRefused', agentId, address, message })
      socket.destroy()
    }
    const plane = planeOf(socket.servername)
    if (plane === undefined) return refuse('', `no service answers under ${String(socket.servername)}`)
    const tunnelClass = tunnelClassOf(socket.alpnProtocol)
    if ((plane === 'tunnel') !== (tunnelClass !== undefined)) {
      return refuse('', `${String(socket.servername)} is not served with the protocol ${String(socket.alpnProtocol)}`)
    }
    const identity = identityOf(socket)
    if (identity === undefined) return refuse('', 'the certificate is not one of an agent')
    const admission = handlers.isAllowed(identity.agentId, identity.serial)
    if (!admission.ok) return refuse(identity.agentId, admission.reason)
    connections.add({ ...identity, plane, socket, address })
    handlers.onCertificateUsed(identity.agentId, identity.serial)
    if (tunnelClass !== undefined) options.onTunnelSocket?.(socket, { agentId: identity.agentId, serial: identity.serial, tunnelClass })
    else if (plane === 'grpc') options.onGrpcSocket(socket)
    else options.onNatsSocket(socket, identity.agentId)
  })

  const serverFor = (serverName: AgentServerName): Server => (serverName === serverNames.enroll ? enrollServer : agentServer)
  return {
    accept(socket, serverName) {
      // A hub without tunnels refuses their name before any work is done for it.
      if (serverName === serverNames.tunnel && options.onTunnelSocket === undefined) {
        onRefused('TunnelNotServed')
        socket.on('error', () => {})
        socket.resetAndDestroy()
        return
      }
      serverFor(serverName).emit('connection', socket)
    },
    reload() {
      const served = textOf(pki.agentTls)
      if (served === lastServed) return
      lastServed = served
      for (const server of [enrollServer, agentServer]) server.setSecureContext({ ...pki.agentTls, ...common })
    },
    enrolling: () => enrolling.size,
    close() {
      for (const socket of enrolling) socket.destroy()
      connections.sweep(() => true)
    },
  }
}

const planes: Readonly<Record<string, Plane>> = { [serverNames.grpc]: 'grpc', [serverNames.nats]: 'nats', [serverNames.tunnel]: 'tunnel' }
const planeOf = (serverName: string | false | null): Plane | undefined => planes[serverName || '']

function prepare(socket: TLSSocket): void {
  // The peer decides how a connection ends; 'close' follows and is what everybody listens to.
  socket.on('error', () => {})
  socket.setNoDelay(true)
}

function handshakeReason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'HandshakeTimeout'
    case 'ECONNRESET':
      return 'HandshakeAborted'
    case 'CERT_HAS_EXPIRED':
      return 'CertificateExpired'
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'NoCertificate'
    default:
      return 'HandshakeFailed'
  }
}
