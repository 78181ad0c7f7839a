// Who is calling, may they, and is it their own page that calls: the hooks in front of every route.
// Order: request id → credentials (or 401) → Origin of cookie writes → role. The body is read only after all of that.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Attributes, Decision, User, Verb } from '#hub/auth/types.ts'
import { notFound } from '#hub/resources/errors.ts'
import type { ApiDeps, RouteAccess } from '../types.ts'
import type { FailureLimiter } from './failure-limiter.ts'

export const sessionCookie = '__Host-moorline'
const safeMethods = ['GET', 'HEAD', 'OPTIONS']

export function isWrite(request: FastifyRequest): boolean {
  return !safeMethods.includes(request.method)
}

/** What a check needs of a request: fastify's, or one that asks for an upgrade. */
type WithHeaders = Pick<FastifyRequest, 'headers'>

export function hostOf(request: WithHeaders): string {
  return String(request.headers[':authority'] ?? request.headers.host ?? '').toLowerCase()
}

export function registerGuard(app: FastifyInstance, deps: ApiDeps, failures: FailureLimiter): void {
  const { auth, clock, metrics } = deps

  app.addHook('onRequest', async (request, reply) => {
    request.startedAtMs = clock.monotonicMs()
    reply.header('x-request-id', request.id)
    const access: RouteAccess = request.routeOptions.config.access ?? 'public'
    const user = identify(request, reply, access === 'public')
    request.user = user
    if (user) checkOrigin(request, user)
    if (access === 'public' || access === 'authenticated') return
    authorize(request, user as User, access)
  })

  function identify(request: FastifyRequest, reply: FastifyReply, isOptional: boolean): User | undefined {
    const { user, hasCredentials, isSession } = credentialsOf(request.headers, auth)
    if (user) return user
    if (isSession) reply.header('set-cookie', endedCookie)
    if (isOptional) return undefined
    if (hasCredentials) {
      metrics.authenticationFailed()
      // A valid credential always passes above: 160 random bits are not guessed, so others behind the same address are not shut out.
      failures.fail(request.ip)
    }
    throw new ApiError(
      'Unauthorized',
      hasCredentials ? 'the token or session is not valid (unknown, expired or revoked)' : 'this path needs a token or a session',
    )
  }

  function authorize(request: FastifyRequest, user: User, access: Exclude<RouteAccess, string>): void {
    const { name } = (request.params ?? {}) as { name?: string }
    const query = request.query as Record<string, string | undefined>
    const verb: Verb = access.verb === 'list' && isTrue(query.watch) ? 'watch' : access.verb
    const definition = deps.resources.definition(access.kind)
    const object = name === undefined || !definition ? undefined : deps.resources.get(access.kind, name)
    const attributes = { ...access, verb, name, objects: object && [object] }
    const decision = auth.authorize(user, attributes)
    if (decision.isOutside && definition && name !== undefined && verb === 'get' && access.subresource === undefined) {
      // kubectl apply asks for the name of what it is about to create, and goes on at NotFound only. What the user may not see is not there.
      request.isOutside = true
      throw notFound(definition, name)
    }
    enforce(request, decision, attributes)
  }
}

/** Whose token or session came with a request. An Authorization header counts alone: a cookie is not looked at beside it. */
export function credentialsOf(
  { authorization, cookie }: FastifyRequest['headers'],
  auth: ApiDeps['auth'],
): { user: User | undefined; hasCredentials: boolean; isSession: boolean } {
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  const session = authorization === undefined ? cookieValue(cookie) : undefined
  const user =
    bearer !== undefined ? auth.authenticateBearer(bearer) : session === undefined ? undefined : auth.authenticateSession(session)
  return { user, hasCredentials: authorization !== undefined || session !== undefined, isSession: session !== undefined }
}

/** Throws 403; remembers what a scoped user may see. */
export function check(request: FastifyRequest, user: User, attributes: Attributes, auth: ApiDeps['auth']): void {
  enforce(request, auth.authorize(user, attributes), attributes)
}

function enforce(request: FastifyRequest, decision: Decision, { kind, name }: Attributes): void {
  if (!decision.allowed) throw new ApiError('Forbidden', decision.reason, { kind, name })
  request.visible = decision.filter
}

/** A browser sends cookies wherever a page makes it call; the Origin tells whose page it was (F-37). */
function checkOrigin(request: FastifyRequest, user: User): void {
  if (user.via !== 'session') return
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && request.headers['sec-fetch-mode'] !== 'navigate')
    throw new ApiError('Forbidden', 'a session may be used by the pages of this hub only')
  if (isWrite(request)) requireOwnOrigin(request)
}

export function requireOwnOrigin(request: WithHeaders): void {
  const { origin } = request.headers
  if (origin === undefined || origin.toLowerCase() !== `https://${hostOf(request)}`)
    throw new ApiError('Forbidden', 'a write with a session needs an Origin header that names this hub')
}

export const endedCookie = `${sessionCookie}=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0`

function cookieValue(header: string | undefined): string | undefined {
  for (const pair of (header ?? '').slice(0, 8192).split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === sessionCookie) return pair.slice(at + 1).trim() || undefined
  }
  return undefined
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}
