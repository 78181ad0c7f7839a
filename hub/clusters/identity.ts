// Who a user of the hub is inside a cluster. The groups are bound there by the registration manifest; the agent accepts no others.
import type { RoleName } from '#shared/contract/access.ts'
import { hubIdentityUser, kubeGroups, kubeUserPrefix } from '#shared/kubernetes/identity.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { ClusterIdentity } from './types.ts'

const groupOf: Readonly<Record<RoleName, string>> = { viewer: kubeGroups.view, operator: kubeGroups.edit, admin: kubeGroups.admin }

/** What the hub itself reads: nodes, health, version. */
export const hubIdentity: ClusterIdentity = { user: hubIdentityUser, groups: [kubeGroups.observe] }

/** @throws ApiError Forbidden for a name that cannot be told to an API server */
export function identityOf(userName: string, role: RoleName): ClusterIdentity {
  const user = `${kubeUserPrefix}${userName}`
  // A header line: control characters end it, and spaces at its ends are lost, so two users would be one.
  if (/\p{Cc}/u.test(userName) || userName.trim() !== userName || !userName.isWellFormed())
    throw new ApiError('Forbidden', `the user name ${JSON.stringify(userName)} has characters that cannot be told to a cluster`)
  if (user === hubIdentityUser) throw new ApiError('Forbidden', `the user name ${userName} is the hub's own inside a cluster; use another`)
  return { user, groups: [groupOf[role]] }
}
