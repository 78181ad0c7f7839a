// The one way to the API of a cluster of any type. Each type has its own folder; what is not built yet says so here.
import type { Cluster } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { ClusterRoute, ClusterRoutes } from './types.ts'

export type RouteOf = (cluster: Cluster) => ClusterRoute

export function createClusterRoutes({ registered, imported }: { registered?: RouteOf; imported?: RouteOf }): ClusterRoutes {
  return {
    routeOf(cluster, { isObservation = false } = {}) {
      const { name } = cluster.metadata
      if (cluster.metadata.deletionTimestamp)
        throw new ApiError('ServiceUnavailable', `cluster ${name} is being deleted`, { kind: 'Cluster', name })
      const { type } = cluster.spec
      const routeOf = type === 'Registered' ? registered : type === 'Imported' ? imported : undefined
      if (!routeOf)
        throw new ApiError('ServiceUnavailable', `this hub knows no way to the API of cluster ${name}, which is of type ${type}`, {
          ...{ kind: 'Cluster', name },
        })
      // Whoever works on a cluster must not be led to another one that has come to its place.
      const same = findCondition(cluster.status?.conditions, 'SameCluster')
      if (same?.status === 'False' && !isObservation)
        throw new ApiError('ServiceUnavailable', `cluster ${name}: ${same.message}`, { kind: 'Cluster', name })
      return routeOf(cluster)
    },
  }
}
