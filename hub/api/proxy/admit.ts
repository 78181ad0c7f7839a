// From a caller and a URL to a request that may be made: the cluster, the identity in it by the user's highest role for it, the way.
import type { Cluster } from '#shared/contract/cluster.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { User } from '#hub/auth/types.ts'
import { identityOf } from '#hub/clusters/identity.ts'
import { infoOf, targetOf } from './target.ts'
import type { Admitted, ProxyDeps } from './types.ts'

/** @throws ApiError */
export function admit(user: User, method: string, url: string, { resources, auth, routes }: ProxyDeps): Admitted {
  // A page that a pod serves would act with the cookie of whoever looks at it.
  if (user.via === 'session') throw new ApiError('Forbidden', 'the API of a cluster takes a token only, not a session of the dashboard')
  const target = targetOf(url)
  const { cluster: name } = target
  const cluster = resources.get<Cluster>('Cluster', name)
  if (!cluster) throw new ApiError('NotFound', `clusters.moorline.dev "${name}" not found`, { kind: 'Cluster', name })
  const role = auth.clusterRoleOf(user, name)
  if (!role) throw new ApiError('Forbidden', `user ${user.name} has no role for the cluster ${name}`, { kind: 'Cluster', name })
  const { uid } = cluster.metadata
  return {
    ...{ target, user, info: infoOf(method, target.path), identity: identityOf(user.name, role), route: routes.routeOf(cluster) },
    isStillAllowed() {
      const now = auth.refresh(user)
      return now !== undefined && auth.clusterRoleOf(now, name) === role && resources.get('Cluster', name)?.metadata.uid === uid
    },
  }
}
