// What the rest of the hub sees of authentication and authorization.
import type { RoleName } from '#shared/contract/access.ts'
import type { Resource } from '#shared/contract/meta.ts'

export interface User {
  name: string
  groups: readonly string[]
  /** How this request proved it: a session cookie is bound to Origin checks, a bearer token is not. */
  via: 'bearer' | 'session'
  /** Name of the AccessToken object behind it. */
  tokenName: string
}

export const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const
export type Verb = (typeof verbs)[number]

/** What a request wants to do. `kind` is a resource kind, or one of the hub's own nouns (see authorize.ts). */
export interface Attributes {
  verb: Verb
  kind: string
  subresource?: string
  name?: string
  /** The object it is about, for bindings that are limited to one cluster; give both the old and the new one on an update. None with a name: there is no such object. */
  objects?: readonly Resource[]
}

export interface Decision {
  allowed: boolean
  reason: string
  /** Refused for this object, or for one that there is not, to a user who may do it to others. */
  isOutside?: boolean
  /** Set when the user may only see a part: the caller must drop what it refuses. */
  filter?: (object: Resource) => boolean
}

export interface Rule {
  verbs: readonly string[]
  kinds: readonly string[]
  subresource?: string
  roles: readonly RoleName[]
}

export interface Auth {
  /** Undefined: not a valid credential. */
  authenticateBearer(token: string): User | undefined
  authenticateSession(cookie: string): User | undefined
  /** The same user as of now; undefined when the token has ended. For streams that outlive their first check. */
  refresh(user: User): User | undefined
  authorize(user: User, attributes: Attributes): Decision
  /** The rules that hold for this user, for SelfSubjectRulesReview. */
  rulesFor(user: User): readonly Rule[]
  rolesOf(user: User): readonly RoleName[]
  /** The highest role of the user for this cluster: of bindings that hold everywhere, and of those limited to it. */
  clusterRoleOf(user: User, clusterName: string): RoleName | undefined
  /** One use, ten minutes, 192 random bits; kept in memory only. */
  createLoginCode(user: { name: string; groups?: readonly string[] }): string
  /** Ends the code. Undefined: unknown, used or expired. */
  redeemLoginCode(code: string): { name: string; groups: readonly string[] } | undefined
  /** A session for the bearer of a token, ending no later than the token itself. */
  createSession(from: { name: string; groups: readonly string[] } | User): Promise<{ cookie: string; maxAgeSeconds: number; user: string }>
  /** A token of the same user that ends no later than the credential of this request, and with it. */
  createToken(from: User, name: string, maxSeconds: number): Promise<{ token: string; expiresAt?: string }>
  endSession(user: User): Promise<void>
  close(): void
}
