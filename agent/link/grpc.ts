// The procedures plane: one gRPC channel, opened by the first call and closed when it has been idle, because each connection
// that is always open costs the hub about 100 KiB.
import { Channel, type ChannelOptions, type Client, type ClientOptions, ChannelCredentials, Metadata } from '@grpc/grpc-js'
import { DialledCredentials, type DialledOptions } from '#agent/link/grpc-credentials.ts'
import { widenConnectionWindows, windowOptions } from '#agent/link/grpc-windows.ts'
import { limits } from '#shared/contract/limits.ts'

export const idleTimeoutMs = 30_000

const channelOptions: ChannelOptions = {
  ...windowOptions,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.client_idle_timeout_ms': idleTimeoutMs,
  'grpc.max_receive_message_length': limits.grpcMessageBytes,
  'grpc.max_send_message_length': limits.grpcMessageBytes,
  'grpc.initial_reconnect_backoff_ms': 1_000,
  'grpc.max_reconnect_backoff_ms': 120_000,
  // Only while a call is open: a half-open connection under a stream is found within 25 s.
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 10_000,
}

type ClientConstructor<C extends Client> = new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>) => C

export interface Procedures {
  /** A client of one of the generated services. Cheap: all share the channel. */
  client<C extends Client>(constructor: ClientConstructor<C>): C
  /** The next call opens a new connection, with the identity of then. Calls under way end as Unavailable. */
  reset(): void
  close(): void
}

export function createProcedures(options: DialledOptions): Procedures {
  widenConnectionWindows()
  const { host, port } = options.proxy ?? options.hub
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  let channel: Channel | undefined
  let isClosed = false
  const reset = () => {
    channel?.close()
    channel = undefined
  }
  return {
    client(constructor) {
      if (isClosed) throw new Error('the link is stopped')
      channel ??= new Channel(address, new DialledCredentials(options), channelOptions)
      return new constructor(address, ChannelCredentials.createInsecure(), { channelOverride: channel })
    },
    reset,
    close() {
      isClosed = true
      reset()
    },
  }
}

export const emptyMetadata = (): Metadata => new Metadata()
export { type ServiceError, status } from '@grpc/grpc-js'
