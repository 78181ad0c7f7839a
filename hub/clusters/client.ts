// HTTP/1.1 requests to the APIs of clusters, over whatever their routes connect. Connections are kept per cluster, user and class, so
// that the second request of a kubectl costs no extra round trip; idle ones end after a short while.
import { Agent, type AgentOptions, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import { type TunnelClass, tunnelLimits } from '#shared/contract/tunnel.ts'
import { DialError } from '#shared/errors/dial-error.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { type Headers, toHeaderValue } from '#shared/kubernetes/headers.ts'
import { hubIdentityUser } from '#shared/kubernetes/identity.ts'
import { pump } from '#shared/kubernetes/pump.ts'
import type { ClusterIdentity, ClusterRoute } from './types.ts'

export interface ClusterRequest {
  identity: ClusterIdentity
  class: TunnelClass
  method: string
  /** With its query; begins with a slash. */
  path: string
  /** From the allow-list, with the framing of the body if there is one. */
  headers: Headers
  body?: IncomingMessage
  signal: AbortSignal
}

export interface UpgradeAnswer {
  response: IncomingMessage
  /** Undefined: the cluster has refused the upgrade and `response` has a body. */
  upgraded?: { socket: Duplex; head: Buffer }
}

export interface ClusterClient {
  /** Resolves with the head of the answer. @throws what the route throws, or the connection's error */
  send(route: ClusterRoute, request: ClusterRequest): Promise<IncomingMessage>
  /** On a connection of its own. The headers have `connection` and `upgrade`. */
  upgrade(route: ClusterRoute, request: Omit<ClusterRequest, 'body'>): Promise<UpgradeAnswer>
  stats(): { pools: number; idle: number }
  /** Refuses new requests; idle connections go at once, what is being answered may end within `graceMs`, then all is broken off. */
  close(): Promise<void>
}

export const idleConnectionMs = 20_000
const idleConnections = 4
const checkMs = 50

/** node:http's pool over any duplex, with idle times by the clock. */
class Pool extends Agent {
  readonly #connect: () => Promise<Duplex>
  readonly #clock: Clock
  /** With what stops waiting for its end. */
  readonly #idle = new Map<Duplex, () => void>()
  #emptied: () => void
  #uses = 0

  constructor(connect: () => Promise<Duplex>, clock: Clock, onEmpty: () => void, options: AgentOptions) {
    super(options)
    this.#connect = connect
    this.#clock = clock
    this.#emptied = onEmpty
  }
  get idle(): number {
    return this.#idle.size
  }
  get isUsed(): boolean {
    return this.#uses > 0
  }
  closeIdle(): void {
    for (const socket of this.#idle.keys()) socket.destroy()
  }
  use(): void {
    this.#uses += 1
  }
  /** An empty pool is forgotten. A request says that it has closed just before it gives its connection back: hence a moment later. */
  release(): void {
    this.#uses -= 1
    queueMicrotask(() => this.#forgetEmpty())
  }
  override createConnection(_options: unknown, done: (error: Error | null, stream: Duplex) => void): undefined {
    this.#connect().then(
      (stream) => done(null, stream),
      (error: Error) => done(error, undefined as never),
    )
    return undefined
  }
  override keepSocketAlive(socket: Duplex): boolean {
    const timer = this.#clock.setTimer(idleConnectionMs, () => socket.destroy(), true)
    const onClose = (): void => this.#forget(socket)
    socket.once('close', onClose)
    this.#idle.set(socket, () => {
      timer.cancel()
      socket.off('close', onClose)
    })
    return true
  }
  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    this.#forget(socket)
    // node:http takes its own listener off and marks the request as one on a kept connection. It also calls what only TCP sockets have.
    const stream = socket as Duplex & { ref?(): void }
    stream.ref ??= () => undefined
    super.reuseSocket(stream, request)
  }
  #forget(socket: Duplex): void {
    this.#idle.get(socket)?.()
    this.#idle.delete(socket)
    this.#forgetEmpty()
  }
  #forgetEmpty(): void {
    if (this.#uses === 0 && this.#idle.size === 0) this.#emptied()
  }
}

export function createClusterClient({ clock, graceMs = tunnelLimits.drainMs }: { clock: Clock; graceMs?: number }): ClusterClient {
  let isClosing = false
  const pools = new Map<string, Pool>()
  const upgraded = new Set<Duplex>()

  const checkOpen = (): void => {
    if (isClosing) throw new TunnelError('Draining', 'the hub is stopping')
  }

  function poolOf(route: ClusterRoute, { identity, class: tunnelClass }: ClusterRequest): Pool {
    const key = JSON.stringify([route.key, identity.user, identity.groups, tunnelClass])
    const known = pools.get(key)
    if (known) return known
    // One request that gives up must not take away the connection that another may use: no signal here.
    const connect = () => route.connect({ identity, class: tunnelClass })
    const pool: Pool = new Pool(connect, clock, () => pools.get(key) === pool && pools.delete(key), {
      ...{ keepAlive: true, maxFreeSockets: idleConnections, scheduling: 'lifo' },
    })
    pools.set(key, pool)
    return pool
  }

  function optionsOf(route: ClusterRoute, { method, path, headers, identity }: Omit<ClusterRequest, 'body'>) {
    return {
      ...{ method, path: `${route.pathPrefix}${path}`, setHost: false, setDefaultHeaders: true },
      headers: { ...headers, ...route.headers, host: route.host, ...impersonation(route, identity) },
    }
  }

  function exchange(pool: Pool, route: ClusterRoute, options: ClusterRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // Before anything else: a connection that is taken out of the pool must not make it look empty.
      pool.use()
      let request: ClientRequest
      try {
        request = httpRequest({ ...optionsOf(route, options), agent: pool })
      } catch (error) {
        pool.release()
        return reject(error as Error)
      }
      // A body that turns out longer than it said must not become a request of its own on a kept connection.
      ;(request as ClientRequest & { strictContentLength: boolean }).strictContentLength = true
      const stop = () => request.destroy(options.signal.reason as Error)
      request.once('close', () => {
        options.signal.removeEventListener('abort', stop)
        pool.release()
      })
      options.signal.addEventListener('abort', stop, { once: true })
      request.on('error', (error) => reject(Object.assign(error, { isReused: request.reusedSocket })))
      request.once('response', resolve)
      if (options.body) pump(options.body, request, (error) => request.destroy(error))
      else request.end()
      if (options.signal.aborted) stop()
    })
  }

  return {
    async send(route, options) {
      checkOpen()
      const pool = poolOf(route, options)
      try {
        return await exchange(pool, route, options)
      } catch (error) {
        // The other end may have closed a kept connection just now; what only reads is asked once more. Not what cannot be dialled.
        const isReused = (error as { isReused?: boolean }).isReused && !(error instanceof DialError)
        const isSafe = ['GET', 'HEAD'].includes(options.method) && !options.body && !options.signal.aborted
        if (!isReused || !isSafe) throw error
        return exchange(pool, route, options)
      }
    },
    async upgrade(route, options) {
      checkOpen()
      const stream = await route.connect({ identity: options.identity, class: options.class, signal: options.signal })
      upgraded.add(stream)
      stream.once('close', () => upgraded.delete(stream))
      return new Promise<UpgradeAnswer>((resolve, reject) => {
        const request = httpRequest({ ...optionsOf(route, options), createConnection: () => stream })
        const stop = () => request.destroy(options.signal.reason as Error)
        options.signal.addEventListener('abort', stop, { once: true })
        request.once('close', () => options.signal.removeEventListener('abort', stop))
        request.on('error', reject)
        request.once('response', (response) => resolve({ response }))
        request.once('upgrade', (response, socket, head) => resolve({ response, upgraded: { socket, head } }))
        request.end()
        if (options.signal.aborted) stop()
      }).catch((error: unknown) => {
        // Also what node:http throws at once.
        stream.destroy()
        throw error
      })
    },
    stats: () => ({ pools: pools.size, idle: [...pools.values()].reduce((sum, pool) => sum + pool.idle, 0) }),
    async close() {
      isClosing = true
      const end = clock.monotonicMs() + graceMs
      for (const pool of [...pools.values()]) pool.closeIdle()
      const isBusy = () => upgraded.size > 0 || [...pools.values()].some((pool) => pool.isUsed)
      while (isBusy() && clock.monotonicMs() < end) await waitFor(clock, checkMs)
      for (const pool of pools.values()) pool.destroy()
      for (const stream of upgraded) stream.destroy()
      pools.clear()
    },
  }
}

function impersonation({ isHubItself }: ClusterRoute, { user, groups }: ClusterIdentity): Headers {
  if (isHubItself && user === hubIdentityUser) return {}
  return { 'impersonate-user': toHeaderValue(user), 'impersonate-group': groups.map(toHeaderValue) }
}
