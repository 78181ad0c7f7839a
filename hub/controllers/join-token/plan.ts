// Phase and conditions of a join token. Pure.
import { setCondition } from '#shared/contract/conditions.ts'
import type { JoinToken, JoinTokenStatus } from '#shared/contract/join-token.ts'

export function planJoinToken(token: JoinToken, joinedWith: readonly string[], now: Date): { status?: JoinTokenStatus; nextAt?: Date } {
  const expiresAt = token.status?.expiresAt ? new Date(token.status.expiresAt) : undefined
  const used = token.status?.used ?? 0
  const uses = token.spec.uses ?? 1
  const [phase, message] = token.spec.revoked
    ? (['Revoked', revokedMessage(joinedWith)] as const)
    : !expiresAt || expiresAt <= now
      ? (['Expired', 'its time is over; make a new one'] as const)
      : used >= uses
        ? (['Exhausted', `all ${uses} uses are taken; make a new one`] as const)
        : (['Active', `${uses - used} of ${uses} uses left until ${expiresAt.toISOString()}`] as const)
  const conditions = setCondition(
    token.status?.conditions,
    {
      type: 'Usable',
      status: phase === 'Active' ? 'True' : 'False',
      reason: phase,
      message,
      observedGeneration: token.metadata.generation,
    },
    now,
  )
  const isSame = token.status?.phase === phase && token.status.conditions === conditions
  return { status: isSame ? undefined : { ...token.status, phase, conditions }, nextAt: phase === 'Active' ? expiresAt : undefined }
}

/** A revoke ends no identity; it says which machines came in by this token, so that an operator can decide on each. */
function revokedMessage(machines: readonly string[]): string {
  if (machines.length === 0) return 'nobody can ask with it any more; no machine has joined with it'
  const shown = machines.slice(0, 20).join(', ')
  const more = machines.length > 20 ? ` and ${machines.length - 20} more` : ''
  return `nobody can ask with it any more; machines that joined with it keep their identity: ${shown}${more}`
}
