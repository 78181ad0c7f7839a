// The hub's own connection to the NATS server, made again whenever it ends: the embedded server has another port after a
// restart, so the library's reconnect to a fixed list is not used.
import { connect, jwtAuthenticator, type NatsConnection } from 'nats'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'

export interface NatsCredentials {
  jwt: string
  seed: string
}

export interface BusTarget {
  host: string
  port: number
  isTls: boolean
}

export interface BusConnectionOptions {
  name: string
  target(): BusTarget | undefined
  credentials: NatsCredentials
  /** Subscribe here; called for each new connection before it is used. */
  onConnection(connection: NatsConnection): void
  onLost(): void
  clock: Clock
  random: () => number
  log: Log
}

export interface BusConnection {
  current(): NatsConnection | undefined
  /** The server is there: try now instead of after the delay. */
  poke(): void
  close(): Promise<void>
}

const backoff = { baseMs: 100, maxMs: 5_000 }
const connectTimeoutMs = 10_000

export const connectTo = (target: BusTarget, name: string, { jwt, seed }: NatsCredentials): Promise<NatsConnection> =>
  connect({
    servers: `${target.host}:${target.port}`,
    name,
    authenticator: jwtAuthenticator(jwt, Buffer.from(seed)),
    tls: target.isTls ? { handshakeFirst: true } : null,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: connectTimeoutMs,
    pingInterval: 10_000,
    maxPingOut: 2,
  })

export function keepBusConnection(options: BusConnectionOptions): BusConnection {
  const { clock, random, log } = options
  let connection: NatsConnection | undefined
  let isConnecting = false
  let isClosed = false
  let failures = 0
  let timer: Timer | undefined

  const later = (): void => {
    if (isClosed) return
    timer?.cancel()
    timer = clock.setTimer(fullJitterMs(failures, random(), backoff), () => void attempt())
    failures += 1
  }
  const attempt = async (): Promise<void> => {
    timer?.cancel()
    if (isClosed || isConnecting || connection !== undefined) return
    const target = options.target()
    // The embedded server is down; its supervisor pokes when it is back.
    if (target === undefined) return later()
    isConnecting = true
    try {
      const made = await connectTo(target, options.name, options.credentials)
      isConnecting = false
      if (isClosed) return await made.close()
      connection = made
      failures = 0
      options.onConnection(made)
      log.info({}, 'connected to the NATS server')
      void made.closed().then((error) => {
        connection = undefined
        if (isClosed) return
        log.warn({ error: error instanceof Error ? error.message : undefined }, 'the connection to the NATS server has ended')
        options.onLost()
        later()
      })
    } catch (error) {
      isConnecting = false
      log.warn({ error: (error as Error).message }, 'cannot connect to the NATS server')
      later()
    }
  }
  void attempt()
  return {
    current: () => connection,
    poke: () => void attempt(),
    async close() {
      isClosed = true
      timer?.cancel()
      await connection?.close()
    },
  }
}
