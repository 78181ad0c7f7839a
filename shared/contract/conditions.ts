// Setting a condition: sorted by type, changed only on transition.
import type { Condition } from './meta.ts'

export interface ConditionInput {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  observedGeneration?: number
}

/** Returns the list with `next` in it. The same list object comes back when nothing changed; `lastTransitionTime` moves only when the status does. */
export function setCondition(conditions: readonly Condition[] | undefined, next: ConditionInput, now: Date): Condition[] {
  const list = (conditions ?? []) as Condition[]
  const old = list.find((condition) => condition.type === next.type)
  if (
    old &&
    old.status === next.status &&
    old.reason === next.reason &&
    old.message === next.message &&
    old.observedGeneration === next.observedGeneration
  )
    return list
  const lastTransitionTime = old && old.status === next.status ? old.lastTransitionTime : now.toISOString()
  const entry: Condition = { ...next, lastTransitionTime }
  if (entry.observedGeneration === undefined) delete entry.observedGeneration
  return [...list.filter((condition) => condition.type !== next.type), entry].sort((a, b) => (a.type < b.type ? -1 : 1))
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}
