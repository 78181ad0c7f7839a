// Conditions of a Credential: whether its secret opens, and when it ends. Pure.
import { setCondition } from '#shared/contract/conditions.ts'
import type { Credential, CredentialStatus } from '#shared/contract/credential.ts'

/** As long before its end a client certificate or token is a warning. */
export const expiryWarningMs = 30 * 24 * 3600 * 1000

export interface PlannedCredential {
  status?: CredentialStatus
  /** When the plan changes by itself. */
  nextAt?: Date
}

/** @param opens whether the key of this hub opens all of it */
export function planCredential({ metadata, spec, status }: Credential, opens: boolean, now: Date): PlannedCredential {
  const observedGeneration = metadata.generation
  const expiresAt = status?.expiresAt === undefined ? undefined : new Date(status.expiresAt)
  const isOver = expiresAt !== undefined && expiresAt <= now
  const isNear = expiresAt !== undefined && expiresAt.getTime() - now.getTime() <= expiryWarningMs
  const what = spec.type === 'Kubeconfig' ? 'client certificate or token of the kubeconfig' : 'token'
  let conditions = setCondition(
    status?.conditions,
    opens
      ? { type: 'Usable', status: 'True', reason: 'Opens', message: 'the hub can use it', observedGeneration }
      : {
          ...{ type: 'Usable', status: 'False', reason: 'SealedWithAnotherKey', observedGeneration },
          message: 'it was sealed with another key than the one of this hub; put the right credentials.key back, or write its data anew',
        },
    now,
  )
  if (expiresAt) {
    const at = expiresAt.toISOString()
    const [state, reason, message] = isOver
      ? (['True', 'Expired', `the ${what} ended at ${at}; write a new one`] as const)
      : isNear
        ? (['True', 'ExpiresSoon', `the ${what} ends at ${at}; write a new one before, nothing is interrupted by that`] as const)
        : (['False', 'FarAway', `the ${what} ends at ${at}`] as const)
    conditions = setCondition(conditions, { type: 'CredentialExpiring', status: state, reason, message, observedGeneration }, now)
  } else if (conditions.some(({ type }) => type === 'CredentialExpiring'))
    conditions = conditions.filter(({ type }) => type !== 'CredentialExpiring')
  const nextAt = !expiresAt || isOver ? undefined : isNear ? expiresAt : new Date(expiresAt.getTime() - expiryWarningMs)
  return { status: conditions === status?.conditions ? undefined : { ...status, conditions }, nextAt }
}
