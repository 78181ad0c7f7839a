// What the proxy needs of the hub.
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Auth, User } from '#hub/auth/types.ts'
import type { ClusterClient } from '#hub/clusters/client.ts'
import type { ClusterIdentity, ClusterRoute, ClusterRoutes } from '#hub/clusters/types.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Store } from '#hub/store/types.ts'
import type { ProxyRow } from './audit.ts'
import type { ProxyTarget, RequestInfo } from './target.ts'

export interface ProxyDeps {
  resources: Resources
  store: Store
  auth: Auth
  routes: ClusterRoutes
  client: ClusterClient
  clock: Clock
  log: Log
}

export interface ProxyParts extends ProxyDeps {
  audit(row: ProxyRow): Promise<void>
  /** Each ends one watch; called when the hub stops. */
  watches: Set<() => void>
}

/** A request that may be made, and how. */
export interface Admitted {
  target: ProxyTarget
  info: RequestInfo
  identity: ClusterIdentity
  route: ClusterRoute
  /** Whether the same user may go on with what was begun. */
  isStillAllowed(): boolean
  user: User
}
