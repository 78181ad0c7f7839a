// How a condition is read: for most True is good, for a few it is the trouble itself. Pure.
import type { Condition } from '#shared/contract/meta.ts'

/** Types that say something bad when they are True. */
const warnings: ReadonlySet<string> = new Set(['CredentialExpiring', 'Expiring', 'HostKeyChanged'])

export function isTroubled({ type, status }: Condition): boolean {
  return warnings.has(type) ? status === 'True' : status !== 'True'
}

/** The word whose look (icon, colour) the condition gets. */
export function conditionState({ type, status }: Condition): 'True' | 'False' | 'Unknown' | 'warning' | 'fine' {
  if (!warnings.has(type) || status === 'Unknown') return status
  return status === 'True' ? 'warning' : 'fine'
}

/** What is wrong comes first; within that, in the order the hub gives. */
export function worstFirst(conditions: readonly Condition[]): Condition[] {
  const rank = { False: 0, warning: 1, Unknown: 2, True: 3, fine: 3 } as const
  const rankOf = (condition: Condition) => rank[conditionState(condition)] ?? 2
  return [...conditions].sort((a, b) => rankOf(a) - rankOf(b))
}
