// Signing in and out of the dashboard: a one-time code or a token becomes a cookie that scripts cannot read.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Value } from 'typebox/value'
import { ApiError } from '#shared/errors/api-error.ts'
import type { User } from '#hub/auth/types.ts'
import type { FailureLimiter } from '../http/failure-limiter.ts'
import { endedCookie, requireOwnOrigin, sessionCookie } from '../http/guard.ts'
import type { ApiDeps } from '../types.ts'

const LoginBody = Type.Union([
  Type.Object({ code: Type.String({ minLength: 1, maxLength: 128 }) }, { additionalProperties: false }),
  Type.Object({ token: Type.String({ minLength: 1, maxLength: 512 }) }, { additionalProperties: false }),
])
const LoginLinkBody = Type.Object(
  { user: Type.Optional(Type.String({ minLength: 1, maxLength: 253, description: 'Default: the caller.' })) },
  { additionalProperties: false },
)

export function registerLogin(app: FastifyInstance, { auth, metrics }: ApiDeps, failures: FailureLimiter): void {
  app.post('/auth/login', { config: { access: 'public' } }, async (request, reply) => {
    // Another site must not sign a browser in as somebody else. Programs send no Origin.
    if (request.headers.origin !== undefined) requireOwnOrigin(request)
    failures.check(request.ip)
    const body = request.body
    if (!Value.Check(LoginBody, body)) throw new ApiError('BadRequest', 'send {"code": …} from a login link, or {"token": …}')
    const from = 'code' in body ? auth.redeemLoginCode(body.code) : auth.authenticateBearer(body.token)
    if (!from) {
      metrics.authenticationFailed()
      failures.fail(request.ip)
      throw new ApiError(
        'Unauthorized',
        'code' in body ? 'this login link has been used or has expired; make a new one' : 'the token is not valid',
      )
    }
    const session = await auth.createSession(from)
    request.auditName = session.user
    return signedIn(reply, session)
  })

  app.post('/auth/logout', { config: { access: 'authenticated' } }, async (request, reply) => {
    await auth.endSession(request.user as User)
    return reply.header('set-cookie', endedCookie).type('application/json').send('{}')
  })

  app.get('/auth/whoami', { config: { access: 'authenticated' } }, (request, reply) => {
    const user = request.user as User
    return reply.send({ user: user.name, groups: user.groups, roles: auth.rolesOf(user), via: user.via })
  })

  app.post('/auth/login-links', { config: { access: { verb: 'create', kind: 'LoginLink' } } }, (request: FastifyRequest, reply) => {
    const body = request.body ?? {}
    if (!Value.Check(LoginLinkBody, body)) throw new ApiError('BadRequest', 'send {} or {"user": NAME}')
    const caller = request.user as User
    const user = body.user ?? caller.name
    request.auditName = user
    const code = auth.createLoginCode({ name: user, groups: user === caller.name ? caller.groups : [] })
    return reply.code(201).send({ path: `/#code=${code}`, expiresInSeconds: 600, user })
  })
}

function signedIn(
  reply: FastifyReply,
  { cookie, maxAgeSeconds, user }: { cookie: string; maxAgeSeconds: number; user: string },
): FastifyReply {
  return reply
    .header('set-cookie', `${sessionCookie}=${cookie}; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=${maxAgeSeconds}`)
    .send({ user, expiresInSeconds: maxAgeSeconds })
}
