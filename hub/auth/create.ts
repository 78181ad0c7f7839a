// Authentication and authorization of users of the API. Tokens and sessions are AccessToken objects, roles are AccessBindings; login
// codes live in memory. Owns no HTTP.
import type { Clock } from '#shared/clock/clock.ts'
import { type AccessToken, type RoleName, roleNames } from '#shared/contract/access.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { type Log, silentLog } from '#shared/log/log.ts'
import type { Resources } from '#hub/resources/types.ts'
import { createAuthorizer } from './authorize.ts'
import { followBindings } from './bindings.ts'
import { createLoginCodes } from './login-codes.ts'
import { rules } from './rules.ts'
import { followTokens, isSession, issuedFromAnnotation, issuedFromUidAnnotation, sessionLabel } from './tokens.ts'
import { sweepExpiredSessions } from './session-sweep.ts'
import type { Auth, User } from './types.ts'

export interface AuthDeps {
  resources: Resources
  clock: Clock
  randomBytes(count: number): Uint8Array
  log?: Log
}

export const sessionLifetimeSeconds = 12 * 3600
/** Every user who proved who they are; a binding to this group means all of them. */
export const authenticatedGroup = 'system:authenticated'

export function createAuth({ resources, clock, randomBytes, log = silentLog }: AuthDeps): Auth {
  const tokens = followTokens(resources, clock)
  const bindings = followBindings(resources)
  const codes = createLoginCodes(clock, randomBytes)
  const sweep = sweepExpiredSessions(resources, clock, log)

  function userOf(token: AccessToken, via: User['via']): User {
    return { name: token.spec.user, groups: [...(token.spec.groups ?? []), authenticatedGroup], via, tokenName: token.metadata.name }
  }

  function rolesOf(user: User): RoleName[] {
    return [...new Set(bindings.grantsOf(user).map((grant) => grant.role))]
  }

  /** A token for the same user, ending no later than the one it is issued from. */
  async function issue(
    from: { name: string; groups: readonly string[] } | User,
    { generateName, labels, seconds }: { generateName: string; labels?: Record<string, string>; seconds: number },
  ): Promise<{ token: AccessToken; secret: string; seconds: number }> {
    const parent = 'tokenName' in from ? resources.get<AccessToken>('AccessToken', from.tokenName) : undefined
    const parentEndsAt = parent?.status?.expiresAt
    const left = parentEndsAt === undefined ? Infinity : Math.floor((Date.parse(parentEndsAt) - clock.now().getTime()) / 1000)
    const ttlSeconds = Math.max(60, Math.min(seconds, left))
    const groups = from.groups.filter((group) => group !== authenticatedGroup)
    const token = await resources.create<AccessToken>('AccessToken', {
      apiVersion: 'moorline.dev/v1alpha1',
      kind: 'AccessToken',
      metadata: {
        generateName,
        ...(labels && { labels }),
        ...(parent && {
          annotations: { [issuedFromAnnotation]: parent.metadata.name, [issuedFromUidAnnotation]: parent.metadata.uid },
        }),
      },
      spec: { user: from.name, ...(groups.length > 0 && { groups }), ttlSeconds },
    })
    const secret = token.status?.token
    if (secret === undefined) throw new ApiError('InternalError', 'the new token has no secret; AccessToken must issue one on create')
    return { token, secret, seconds: ttlSeconds }
  }

  return {
    authenticateBearer(secret) {
      const token = tokens.find(secret)
      return token && !isSession(token) ? userOf(token, 'bearer') : undefined
    },
    authenticateSession(cookie) {
      const token = tokens.find(cookie)
      return token && isSession(token) ? userOf(token, 'session') : undefined
    },
    refresh(user) {
      const token = tokens.byName(user.tokenName)
      return token && token.spec.user === user.name ? userOf(token, user.via) : undefined
    },
    authorize: createAuthorizer(resources, bindings),
    rulesFor(user) {
      const roles = rolesOf(user)
      return rules.filter((rule) => rule.roles.some((role) => roles.includes(role)))
    },
    rolesOf,
    clusterRoleOf(user, clusterName) {
      const here = bindings.grantsOf(user).filter((grant) => grant.clusterRef === undefined || grant.clusterRef === clusterName)
      return roleNames.findLast((role) => here.some((grant) => grant.role === role))
    },
    createLoginCode: (user) => codes.create({ name: user.name, groups: user.groups ?? [] }),
    redeemLoginCode: (code) => codes.redeem(code),
    async createSession(from) {
      const made = await issue(from, {
        generateName: 'session-',
        labels: { [sessionLabel]: 'browser' },
        seconds: sessionLifetimeSeconds,
      })
      return { cookie: made.secret, maxAgeSeconds: made.seconds, user: from.name }
    },
    async createToken(from, name, maxSeconds) {
      const made = await issue(from, { generateName: name, seconds: maxSeconds })
      return { token: made.secret, expiresAt: made.token.status?.expiresAt }
    },
    async endSession(user) {
      if (user.via !== 'session') return
      try {
        await resources.delete('AccessToken', user.tokenName)
      } catch (error) {
        // Signed out from two tabs: it is gone, which is what was wanted.
        if (!(error instanceof ApiError && error.code === 'NotFound')) throw error
      }
    },
    close() {
      tokens.close()
      bindings.close()
      sweep.close()
    },
  }
}
