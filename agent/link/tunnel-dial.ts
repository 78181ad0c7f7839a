// The way of a tunnel connection to the hub: the agent's dialer and proxy, then mutual TLS under the tunnel's name. The class of the
// connection is its protocol.
import type { TLSSocket } from 'node:tls'
import type { Proxy } from '#agent/config/proxy.ts'
import { dial, type Endpoint } from '#agent/link/dialer.ts'
import { connectTls, tlsTimeoutMs } from '#agent/link/tls.ts'
import type { Identity } from '#agent/link/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { type TunnelClass, tunnelProtocols } from '#shared/contract/tunnel.ts'
import { AgentError } from '#shared/errors/agent-error.ts'

export interface TunnelDialOptions {
  identity: Identity
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  signal: AbortSignal
}

/** @throws AgentError as dialer.ts and tls.ts; HubClosed when the hub has no tunnels */
export async function dialTunnel(tunnelClass: TunnelClass, { identity, hub, proxy, clock, signal }: TunnelDialOptions): Promise<TLSSocket> {
  const socket = await dial({ ...hub, proxy, clock, signal })
  const alpn = tunnelProtocols[tunnelClass]
  const tls = await connectTls(
    socket,
    { servername: serverNames.tunnel, trust: identity, client: identity, alpn: [alpn] },
    { clock, timeoutMs: tlsTimeoutMs, signal },
  )
  if (tls.alpnProtocol === alpn) return tls
  tls.destroy()
  throw new AgentError('HubClosed', 'the hub does not speak the tunnel protocol')
}
