// How the hub speaks to the Kubernetes API of a cluster, whatever the cluster's type. One implementation for each type in a folder of
// its own; the proxy, the observer and the probes know only this.
import type { Duplex } from 'node:stream'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { TunnelClass } from '#shared/contract/tunnel.ts'

/** Who acts in the cluster; the API server is told by impersonation. */
export interface ClusterIdentity {
  /** `moorline:<user of the hub>`, `moorline:hub` for the hub's own observations. */
  user: string
  /** Of `moorline:view`, `moorline:edit`, `moorline:admin`, `moorline:observe`; the registration manifest binds them. */
  groups: readonly string[]
}

export interface ConnectOptions {
  identity: ClusterIdentity
  class: TunnelClass
  signal?: AbortSignal
}

export interface ClusterRoute {
  /** Connections are kept and used again for as long as this stays the same: change it with the machine, the address, the credential. */
  key: string
  /**
   * A connection on which HTTP/1.1 is spoken in clear (TLS, where there is any, is already done) to the cluster's API.
   * @throws ApiError ServiceUnavailable or a TunnelError, saying who is in the way
   */
  connect(options: ConnectOptions): Promise<Duplex>
  /** Before the path of each request; '' or '/k8s/clusters/c-1'. Without a slash at the end. */
  pathPrefix: string
  /** For the Host header. */
  host: string
  /** Added to each request by the hub: the credential of an imported cluster. Empty where the agent adds its own. */
  headers: Readonly<Record<string, string>>
  /** The hub's own reads are made as the credential in `headers` or of the connection, and nobody is impersonated for them. */
  isHubItself?: boolean
}

export interface ClusterRoutes {
  /**
   * Cheap; nothing is dialled. `isObservation`: for the hub's own look at which cluster answers there, which goes on when another one does.
   * @throws ApiError ServiceUnavailable with the reason when there is no way to this cluster now
   */
  routeOf(cluster: Cluster, options?: { isObservation?: boolean }): ClusterRoute
}
