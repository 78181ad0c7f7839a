// What an imported cluster's Credential means for it. Pure; the Credential itself belongs to its own controller.
import type { ConditionInput } from '#shared/contract/conditions.ts'
import { plainLine } from '#shared/schema/plain-line.ts'
import type { ClusterGathered } from './plan.ts'

const dayMs = 24 * 60 * 60 * 1000
export const warnBeforeMs = 30 * dayMs

/** `nextAt`: when time alone changes what is said. */
export function credentialConditions({ cluster, credential, seen, now }: ClusterGathered): { conditions: ConditionInput[]; nextAt?: Date } {
  const name = cluster.spec.credentialRef ?? ''
  const valid = (status: ConditionInput['status'], reason: string, message: string): ConditionInput => ({
    ...{ type: 'CredentialValid', status, reason },
    message: plainLine(message, 1024),
  })
  const expiring = (status: ConditionInput['status'], reason: string, message: string): ConditionInput => ({
    ...{ type: 'CredentialExpiring', status, reason, message },
  })
  if (!credential) {
    const message = `there is no Credential ${name}. Make it, or name another one in spec.credentialRef`
    return { conditions: [valid('False', 'Missing', message), expiring('Unknown', 'Missing', 'there is no Credential')] }
  }
  const { expiresAt } = credential.status ?? {}
  const expiresMs = expiresAt === undefined ? undefined : Date.parse(expiresAt)
  const nowMs = now.getTime()
  const conditions: ConditionInput[] = []
  let nextAt: Date | undefined

  if (seen?.failure?.reason === 'Unauthorized')
    conditions.push(valid('False', 'Refused', `the cluster refuses the Credential ${name}: ${seen.failure.message}. Replace its data`))
  else if (expiresMs !== undefined && expiresMs <= nowMs)
    conditions.push(valid('False', 'Expired', `the Credential ${name} expired at ${expiresAt}. Replace its data`))
  else if (seen?.observation) conditions.push(valid('True', 'Accepted', `the cluster accepts the Credential ${name}`))
  else conditions.push(valid('Unknown', 'NotTried', `the cluster has not been asked with the Credential ${name} yet`))

  if (expiresMs === undefined) conditions.push(expiring('False', 'NoEnd', `no end of the Credential ${name} is known`))
  else if (expiresMs - nowMs > warnBeforeMs) {
    conditions.push(expiring('False', 'NotSoon', `the Credential ${name} is valid until ${expiresAt}`))
    nextAt = new Date(expiresMs - warnBeforeMs)
  } else if (expiresMs > nowMs) {
    conditions.push(
      expiring('True', 'EndsSoon', `the Credential ${name} ends at ${expiresAt}. Replace its data before; nothing is interrupted`),
    )
    nextAt = new Date(expiresMs)
  } else conditions.push(expiring('True', 'Ended', `the Credential ${name} ended at ${expiresAt}`))
  return { conditions, nextAt }
}
