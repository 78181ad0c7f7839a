// gRPC over the agent's dialer: grpc-js opens the TCP connection to the first hop, this speaks to the proxy on it and then does
// TLS with the fleet's trust. No listener on loopback is involved, so nobody else on the machine can use the proxy's credentials.
import type { Socket } from 'node:net'
import { CallCredentials, ChannelCredentials, type experimental } from '@grpc/grpc-js'
import type { Proxy } from '#agent/config/proxy.ts'
import { dialTimeoutMs, type Endpoint } from '#agent/link/dialer.ts'
import { throughProxy } from '#agent/link/proxy-handshake.ts'
import { connectTls, type TlsOptions, tlsTimeoutMs } from '#agent/link/tls.ts'
import type { Clock } from '#shared/clock/clock.ts'

export interface DialledOptions {
  hub: Endpoint
  proxy?: Proxy
  clock: Clock
  /** Asked for at each connection, so that a renewed identity is used from the next one on. */
  tls(): TlsOptions
  /** grpc-js shows callers a shortened text; this gets the error itself. */
  onError(error: Error): void
}

export class DialledCredentials extends ChannelCredentials {
  readonly options: DialledOptions
  constructor(options: DialledOptions) {
    super()
    this.options = options
  }
  override _isSecure(): boolean {
    return true
  }
  override _equals(other: ChannelCredentials): boolean {
    return this === other
  }
  override _createSecureConnector(_target: unknown, _options: unknown, callCredentials?: CallCredentials): experimental.SecureConnector {
    const { hub, proxy, clock, tls, onError } = this.options
    return {
      async connect(socket: Socket) {
        try {
          if (proxy) await throughProxy(socket, hub, proxy, { clock, timeoutMs: dialTimeoutMs })
          const secured = await connectTls(socket, { ...tls(), alpn: ['h2'] }, { clock, timeoutMs: tlsTimeoutMs })
          return { socket: secured, secure: true }
        } catch (error) {
          onError(error as Error)
          throw error
        }
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy() {},
    }
  }
}
