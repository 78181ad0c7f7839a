// The one file that knows the inside of the nats package (2.29): a transport that takes a TLS socket which is connected already,
// so that NATS goes through the agent's dialer and proxy like everything else. One connection, no reconnecting of its own.
import type { TLSSocket } from 'node:tls'
import { NatsConnectionImpl } from 'nats/lib/nats-base-client/nats.js'
import { setTransportFactory } from 'nats/lib/nats-base-client/transport.js'
import { NodeTransport, nodeResolveHost } from 'nats/lib/src/node_transport.js'
import type { ConnectionOptions, NatsConnection } from 'nats'

interface WithSocket {
  /** Taken by the transport; has finished its handshake. */
  connectedSocket?: TLSSocket
}

class DialledTransport extends NodeTransport {
  override tlsFirst(server: { hostname: string; port: number }): Promise<TLSSocket> {
    const { connectedSocket } = this.options as WithSocket
    return connectedSocket ? Promise.resolve(connectedSocket) : super.tlsFirst(server)
  }
}

export interface NatsOptions {
  name: string
  inboxPrefix: string
  /** From the first byte of the server to its answer to CONNECT. */
  timeoutMs: number
  authenticator: NonNullable<Exclude<ConnectionOptions['authenticator'], unknown[]>>
}

/** Destroys the socket when it fails. */
export async function connectNats(socket: TLSSocket, options: NatsOptions): Promise<NatsConnection> {
  // The factory is global in the package and nats.connect() replaces it, so it is set for each connection; without a socket in
  // the options it makes the package's own transport.
  setTransportFactory({ factory: () => new DialledTransport(), dnsResolveFn: nodeResolveHost })
  const all: ConnectionOptions & WithSocket & { resolve: boolean } = {
    ...options,
    connectedSocket: socket,
    timeout: options.timeoutMs,
    servers: ['nats.fleet.internal:4222'],
    // handshakeFirst leads to tlsFirst above.
    tls: { handshakeFirst: true },
    reconnect: false,
    maxReconnectAttempts: 0,
    ignoreClusterUpdates: true,
    resolve: false,
    // Liveness is the session's: an echo of the hub within the window, see session.ts. The package's ping is the second line.
    pingInterval: 60_000,
    maxPingOut: 1,
    noAsyncTraces: true,
  }
  try {
    return (await NatsConnectionImpl.connect(all)) as unknown as NatsConnection
  } catch (error) {
    socket.destroy()
    throw error
  }
}
