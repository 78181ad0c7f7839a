// HTTP/1.1 upgrades (WebSocket, SPDY/3.1): fastify never sees them, so what stands in front of every other route stands here again:
// credentials, Origin, role, limits, audit. A route is handed a socket only after all of that; errors leave as Status objects.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { ApiError } from '#shared/errors/api-error.ts'
import type { User } from '#hub/auth/types.ts'
import { toApiError, toStatus } from '../errors.ts'
import type { ApiDeps, Upgrade, UpgradeRoute } from '../types.ts'
import { createAnonymousRows } from './audit.ts'
import type { FailureLimiter } from './failure-limiter.ts'
import { credentialsOf, requireOwnOrigin } from './guard.ts'
import type { LiveAccess } from './live-access.ts'

export interface Upgrades {
  /** False: no route wants it, and it is answered like any other request. */
  wants(request: IncomingMessage): boolean
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
  closeAll(): void
}

export const upgradeLimits = { open: 2_000, perUser: 200 } as const

interface Match {
  route: UpgradeRoute
  params: Record<string, string>
}

export function createUpgrades(deps: ApiDeps, failures: FailureLimiter, live: LiveAccess): Upgrades {
  const { auth, clock, log, metrics, resources, store } = deps
  const routes = (deps.upgrades ?? []).map((route) => ({ route, pattern: patternOf(route.path) }))
  const anonymous = createAnonymousRows(clock)
  const open = new Map<AbortController, string>()

  function find(request: IncomingMessage): Match | undefined {
    const path = (request.url ?? '').split('?')[0] ?? ''
    for (const { route, pattern } of routes) {
      const found = pattern.exec(path)
      if (found) return { route, params: { ...found.groups } }
    }
    return undefined
  }

  function identify(request: IncomingMessage, route: UpgradeRoute): User {
    const { user, hasCredentials } = credentialsOf(request.headers, auth)
    if (user?.via === 'session' && !route.sessions)
      throw new ApiError('Forbidden', 'this path takes a token only, not a session of the dashboard')
    if (user?.via === 'session') requireOwnOrigin(request)
    if (user) return user
    if (hasCredentials) {
      metrics.authenticationFailed()
      failures.fail(remoteAddressOf(request))
    }
    throw new ApiError(
      'Unauthorized',
      hasCredentials ? 'the token or session is not valid (unknown, expired or revoked)' : 'this path needs a token',
    )
  }

  function isAllowed(user: User, { route, params }: Match): { allowed: boolean; reason: string } {
    const { kind } = route.access
    const object = params.name === undefined || !resources.definition(kind) ? undefined : resources.get(kind, params.name)
    return auth.authorize(user, { ...route.access, name: params.name, objects: object && [object] })
  }

  function checkLimits(user: User): void {
    const own = [...open.values()].filter((name) => name === user.name).length
    if (open.size < upgradeLimits.open && own < upgradeLimits.perUser) return
    const whose = own >= upgradeLimits.perUser ? `user ${user.name} has ${own}` : `the hub has ${open.size}`
    throw new ApiError('TooManyRequests', `${whose} open upgraded connections, which is the limit`, { retryAfterSeconds: 5 })
  }

  async function serve(request: IncomingMessage, socket: Duplex, head: Buffer, match: Match): Promise<void> {
    const { route, params } = match
    const requestId = randomUUID()
    const startedAtMs = clock.monotonicMs()
    const ending = new AbortController()
    let user: User | undefined
    let stop = () => {}
    let startDetail: string | undefined
    let endNote = ''

    const audit = async (result: string, detail: string, decision: 'allow' | 'deny' = 'allow') => {
      if (!user && !anonymous.mayWrite()) return
      await store.appendAudit({
        at: clock.now().toISOString(),
        user: user?.name ?? 'system:anonymous',
        verb: route.access.verb,
        resource: route.access.subresource ? `${route.access.kind}/${route.access.subresource}` : route.access.kind,
        name: params.name ?? '',
        ...{ decision, result },
        remoteAddress: remoteAddressOf(request),
        detail: detail.slice(0, 1024),
      })
    }
    const lose = (reason: ApiError) => {
      ending.abort(reason)
      socket.destroy()
    }
    socket.once('close', () => {
      stop()
      open.delete(ending)
      ending.abort(new ApiError('BadRequest', 'the client has closed the connection'))
      if (startDetail === undefined) return
      const seconds = ((clock.monotonicMs() - startedAtMs) / 1000).toFixed(1)
      const { reason } = ending.signal as { reason: ApiError }
      const why = reason.code === 'BadRequest' ? '' : `; ${reason.message}`
      const end = `; after ${seconds} s${endNote && `: ${endNote}`}${why}`
      audit('Ended', `${startDetail.slice(0, 1024 - end.length)}${end}`).catch((error: unknown) =>
        log.error({ error, requestId }, 'the end of a stream could not be audited'),
      )
    })

    try {
      user = identify(request, route)
      const known = user
      const decision = isAllowed(known, match)
      if (!decision.allowed) throw new ApiError('Forbidden', decision.reason, { kind: route.access.kind, name: params.name })
      checkLimits(known)
      open.set(ending, known.name)
      if (socket.destroyed) return void open.delete(ending)
      stop = live.follow(
        () => {
          const now = auth.refresh(known)
          return now !== undefined && isAllowed(now, match).allowed && (route.isStillAllowed?.(now, known, params) ?? true)
        },
        () => lose(new ApiError('Unauthorized', 'the token has ended or its rights have changed')),
      )
      const upgrade: Upgrade = {
        ...{ request, socket, head, user: known, params, requestId },
        signal: ending.signal,
        async accepted(detail) {
          await audit('101', detail)
          startDetail = detail
        },
        note(text) {
          endNote = text.slice(0, 256)
        },
        async refused({ status, head: answer, body, detail }) {
          await audit(String(status), detail, status === 403 ? 'deny' : 'allow')
          if (socket.destroyed) return
          socket.end(Buffer.concat([answer, body]), () => socket.destroy())
        },
      }
      await route.handle(upgrade)
    } catch (raw) {
      const error = ending.signal.aborted ? (ending.signal.reason as ApiError) : toApiError(raw)
      if (error.status >= 500) log.warn({ error: raw, requestId, url: request.url?.slice(0, 256) }, 'an upgrade failed')
      if (startDetail !== undefined) return void socket.destroy()
      const isDenied = [401, 403, 429].includes(error.status)
      await audit(String(error.status), `${request.method} ${request.url ?? ''}: ${error.message}`, isDenied ? 'deny' : 'allow')
      refuse(socket, error, deps, requestId)
    }
  }

  return {
    wants: (request) => find(request) !== undefined,
    accept(request, socket, head) {
      // Node has taken its own listener away; 'close' follows and is what decides.
      socket.on('error', (error) => log.debug({ error }, 'an upgraded connection failed'))
      const match = find(request)
      if (!match) return void socket.destroy()
      serve(request, socket, head, match).catch((error: unknown) => {
        log.error({ error }, 'an upgrade could not be answered')
        socket.destroy()
      })
    },
    closeAll() {
      for (const ending of open.keys()) ending.abort(new ApiError('ServiceUnavailable', 'the hub is stopping'))
    },
  }
}

/** A whole HTTP/1.1 answer on a socket that no HTTP server holds any more. */
function refuse(socket: Duplex, error: ApiError, { resources }: ApiDeps, requestId: string): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy()
  const body = Buffer.from(JSON.stringify(toStatus(error, resources)))
  const { retryAfterSeconds } = error.details
  const head = [
    `HTTP/1.1 ${error.status} ${error.reason}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${requestId}`,
    ...(error.status === 401 ? ['WWW-Authenticate: Bearer realm="moorline"'] : []),
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ]
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]), () => socket.destroy())
}

function remoteAddressOf(request: IncomingMessage): string {
  return (request.socket as TLSSocket).remoteAddress ?? ''
}

/** `:name` is one segment that needs no percent-encoding, a last `*` whatever follows. */
function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((part) =>
      part === '*' ? '.*' : part.startsWith(':') ? `(?<${part.slice(1)}>[A-Za-z0-9._-]+)` : part.replace(/[.\\+*?^$()[\]{}|]/g, '\\$&'),
    )
    .join('/')
  return new RegExp(`^${source}$`)
}
