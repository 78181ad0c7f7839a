// May this caller ask with this join token now? Pure; the hub's clock is the only one that counts.
import type { JoinToken } from '#shared/contract/join-token.ts'

export interface Caller {
  hostname: string
  address: string
}

export type TokenVerdict =
  | { ok: true }
  | { ok: false; reason: 'Revoked' | 'Expired' | 'Exhausted' | 'HostnameMismatch' | 'AddressMismatch'; message: string }

export function judgeToken(
  token: JoinToken,
  caller: Caller,
  now: Date,
  isInside: (address: string, cidr: string) => boolean,
): TokenVerdict {
  const { spec, status } = token
  if (spec.revoked || token.metadata.deletionTimestamp) return { ok: false, reason: 'Revoked', message: 'the join token has been revoked' }
  if (!status?.expiresAt || Date.parse(status.expiresAt) <= now.getTime())
    return { ok: false, reason: 'Expired', message: `the join token expired at ${status?.expiresAt ?? 'its creation'}` }
  if ((status.used ?? 0) >= (spec.uses ?? 1))
    return { ok: false, reason: 'Exhausted', message: `all ${spec.uses ?? 1} uses of the join token are taken` }
  if (spec.match?.hostname && spec.match.hostname !== caller.hostname)
    return { ok: false, reason: 'HostnameMismatch', message: `the join token is for the host name ${spec.match.hostname}` }
  if (spec.match?.addresses?.length && !spec.match.addresses.some((cidr) => isInside(caller.address, cidr)))
    return { ok: false, reason: 'AddressMismatch', message: `the join token is not for the address ${caller.address}` }
  return { ok: true }
}
