// What the API is made of and what its routes may say about themselves.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '#shared/clock/clock.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Log } from '#shared/log/log.ts'
import type { Auth, User, Verb } from '#hub/auth/types.ts'
import type { Metrics } from '#hub/observability/metrics.ts'
import type { Readiness } from '#hub/observability/readiness.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Store } from '#hub/store/types.ts'

/** Who may call a route. A route without one is refused when it is registered, so none is open by accident. */
export type RouteAccess = 'public' | 'authenticated' | { verb: Verb; kind: string; subresource?: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess
    /** Default: every route whose method is not GET, HEAD or OPTIONS is written to the audit log. */
    isAudited?: boolean
  }
  interface FastifyRequest {
    user?: User
    /** Limits what a scoped user sees; set by the authorization hook. */
    visible?: (object: Resource) => boolean
    /** Answered as if the object were not there, to a user who may not see it if it is. */
    isOutside?: boolean
    auditName?: string
    auditDetail?: string
    isAuditWritten?: boolean
    bodyType?: string
    startedAtMs: number
  }
}

export interface ApiDeps {
  resources: Resources
  store: Store
  auth: Auth
  log: Log
  clock: Clock
  /** PEM, for browsers and kubectl. */
  tls: { key: string | Buffer; cert: string | Buffer }
  version: string
  /** Adds what only memory knows (a heartbeat's time) to an object that leaves. Returns the same object when there is nothing to add. */
  decorate?(object: Resource): Resource
  /** What users write is tried before it is stored: a cluster that is imported is dialled. */
  admit?(object: Resource, old: Resource | undefined, by: User): Promise<Resource>
  readiness(): Promise<Readiness[]>
  metrics: Metrics
  /** The built dashboard (dist/web). */
  staticDir?: string
  /** More routes; each needs `config: { access }`. */
  routes?: readonly ((app: FastifyInstance) => void)[]
  /** What answers HTTP/1.1 upgrades (WebSocket, SPDY); no other path does. */
  upgrades?: readonly UpgradeRoute[]
  watchLimits?: Partial<WatchLimits>
  httpLimits?: Partial<HttpLimits>
}

export interface UpgradeRoute {
  /** `/things/:name/exec`; a last `*` takes what follows. A parameter is one segment without percent-encoding. */
  path: string
  access: { verb: Verb; kind: string; subresource?: string }
  /** Whether the dashboard's session will do; then the Origin must be this hub. Else only a bearer token. */
  sessions: boolean
  /** Asked again while the stream is open, beside token and role; `then` is the user as of the start. False ends the stream. */
  isStillAllowed?(now: User, then: User, params: Readonly<Record<string, string>>): boolean
  /**
   * Answers on the socket. What it throws before accepted() leaves as a Status object; afterwards it breaks the socket off.
   * @throws ApiError
   */
  handle(upgrade: Upgrade): Promise<void>
}

/** An upgrade whose caller is known and allowed; nothing has been answered yet. */
export interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  /** Came behind the request's header already. */
  head: Buffer
  user: User
  params: Readonly<Record<string, string>>
  requestId: string
  /** Aborted when the socket has closed, the token or its rights are gone (the socket is destroyed then), or the hub stops. */
  signal: AbortSignal
  /** Writes the start to the audit log: await it before 101 leaves. The end follows by itself when the socket closes. */
  accepted(detail: string): Promise<void>
  /** What the row of the end says beside the time it took. */
  note(text: string): void
  /** Writes a refusal that the route answers itself, with a whole HTTP/1.1 answer, and ends the socket. */
  refused(answer: { status: number; head: Buffer; body: Buffer; detail: string }): Promise<void>
}

export interface WatchLimits {
  /** A watcher with more than this waiting is ended. */
  pendingBytes: number
  pendingEvents: number
  /** No byte was taken for this long although some waited. */
  stallMs: number
  bookmarkMs: number
  defaultTimeoutSeconds: number
  /** Open streams (watches, followed logs) in all. */
  openStreams: number
}

export interface HttpLimits {
  headersTimeoutMs: number
  bodyTimeoutMs: number
  idleTimeoutMs: number
  connections: number
}

export interface RouteInfo {
  /** Of HTTP, or UPGRADE for what is answered when a request asks for a WebSocket or SPDY, whatever its method. */
  method: string
  url: string
  access: RouteAccess
}

export interface Api {
  /** A raw TCP socket; bytes that were peeked have been un-shifted. */
  acceptSocket(socket: Socket): void
  /** A renewed certificate, for new connections. */
  setTls(tls: { key: string | Buffer; cert: string | Buffer }): void
  /** Every route there is, for documentation and the test that calls them all. */
  readonly routes: readonly RouteInfo[]
  /** Ends watches and connections; resolves when none is left. */
  close(): Promise<void>
}
