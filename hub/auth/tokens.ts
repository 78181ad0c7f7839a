// Finds the AccessToken behind a secret. The index is keyed by the SHA-256 that the object stores, follows the change log, and
// every answer is checked again for expiry by the hub's clock.
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'
import type { AccessToken } from '#shared/contract/access.ts'
import { hashToken } from '#hub/resources/tokens.ts'
import type { Resources } from '#hub/resources/types.ts'

/** On AccessTokens that are browser sessions: they are accepted as a cookie only, and other tokens never are. */
export const sessionLabel = 'moorline.dev/session'
/** Name and uid of the token that a session was opened with, or a kubeconfig's token was made with; it ends with that one. */
export const issuedFromAnnotation = 'moorline.dev/issued-from'
export const issuedFromUidAnnotation = 'moorline.dev/issued-from-uid'

/** Token, session, kubeconfig. */
const maxDepth = 4

export interface TokenIndex {
  find(secret: string): AccessToken | undefined
  /** The token object of that name while it is valid. */
  byName(name: string): AccessToken | undefined
  close(): void
}

export function isSession(token: AccessToken): boolean {
  return token.metadata.labels?.[sessionLabel] !== undefined
}

export function isExpired(token: AccessToken, now: Date): boolean {
  return token.status?.expiresAt !== undefined && Date.parse(token.status.expiresAt) <= now.getTime()
}

export function followTokens(resources: Resources, clock: Clock): TokenIndex {
  const nameByHash = new Map<string, string>()
  const hashByName = new Map<string, string>()
  const remember = (token: AccessToken) => {
    const hash = token.status?.tokenHash
    const old = hashByName.get(token.metadata.name)
    if (old !== undefined && old !== hash) nameByHash.delete(old)
    if (hash === undefined) return
    nameByHash.set(hash, token.metadata.name)
    hashByName.set(token.metadata.name, hash)
  }
  const subscription = resources.subscribe((change) => {
    if (change.kind !== 'AccessToken') return
    if (change.type !== 'DELETED') return remember(change.object as AccessToken)
    const hash = hashByName.get(change.name)
    hashByName.delete(change.name)
    if (hash !== undefined) nameByHash.delete(hash)
  })
  for (const token of resources.list<AccessToken>('AccessToken').items) remember(token)

  /** A token that was issued from another one ends with it, and that one with its own. */
  function isValid(token: AccessToken, depth = 0): boolean {
    if (token.metadata.deletionTimestamp || isExpired(token, clock.now())) return false
    const parentName = token.metadata.annotations?.[issuedFromAnnotation]
    if (parentName === undefined) return true
    const parent = resources.get<AccessToken>('AccessToken', parentName)
    const isSame = parent?.metadata.uid === token.metadata.annotations?.[issuedFromUidAnnotation]
    return parent !== undefined && isSame && depth < maxDepth && isValid(parent, depth + 1)
  }

  return {
    find(secret) {
      if (secret.length === 0 || secret.length > 512) return undefined
      const hash = hashToken(secret)
      const name = nameByHash.get(hash)
      const token = name === undefined ? undefined : resources.get<AccessToken>('AccessToken', name)
      const stored = token?.status?.tokenHash
      if (!token || stored === undefined || stored.length !== hash.length) return undefined
      return timingSafeEqual(Buffer.from(stored), Buffer.from(hash)) && isValid(token) ? token : undefined
    },
    byName(name) {
      const token = resources.get<AccessToken>('AccessToken', name)
      return token && isValid(token) ? token : undefined
    },
    close: () => subscription.close(),
  }
}
