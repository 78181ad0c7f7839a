// Who writes a Cluster or a Machine makes the hub show a Credential to a server of the writer's choice. A user who is limited to a cluster may
// do that with the Credentials of that cluster only; what an object names already may stay.
import type { Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { credentialsNamedBy } from '#hub/resources/kinds/credential-users.ts'
import type { Resources } from '#hub/resources/types.ts'

/** @throws ApiError Forbidden */
export function checkCredentials(isVisible: (object: Resource) => boolean, object: Resource, resources: Resources): void {
  const { kind, metadata } = object
  if (kind !== 'Cluster' && kind !== 'Machine') return
  const name = (metadata as Partial<Resource['metadata']> | undefined)?.name
  const stored = name === undefined ? undefined : resources.get(kind, name)
  const before = new Set((stored ? credentialsNamedBy(stored) : []).map(({ field, name: named }) => `${field} ${named}`))
  for (const { field, name: credentialName } of credentialsNamedBy(object)) {
    const credential = resources.get('Credential', credentialName)
    if (before.has(`${field} ${credentialName}`) && isSameTarget(object, stored)) continue
    // One that does not exist is refused alike: the answer does not tell which names there are.
    if (!credential || !isVisible(credential))
      throw new ApiError(
        'Forbidden',
        `${field}: the Credential ${credentialName} is not bound to your cluster; use one whose spec.clusterRef names it`,
        { kind, name },
      )
  }
}

/** Another address under the same reference would show the secret to another server. */
function isSameTarget(object: Resource, stored: Resource | undefined): boolean {
  const target = ({ spec }: Resource) => {
    const { apiServer, certificateAuthority, proxy, ssh } = (spec ?? {}) as Record<string, unknown>
    return JSON.stringify([apiServer, certificateAuthority, proxy, ssh])
  }
  return stored !== undefined && target(object) === target(stored)
}
