// The way to a registered cluster: a tunnel stream to the target `kube` of an agent in it. The agent speaks HTTP/1.1, adds its own
// credentials, and refuses an identity that is not the stream's own user.
import type { Duplex } from 'node:stream'
import type { Cluster } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { kubeTarget } from '#shared/contract/tunnel.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { TunnelError, type TunnelErrorCode } from '#shared/errors/tunnel-error.ts'
import { kubeUserPrefix } from '#shared/kubernetes/identity.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Tunnels } from '#hub/tunnel/types.ts'
import type { ClusterRoute, ConnectOptions } from '../types.ts'
import { type ClusterMachines, followClusterMachines } from './machines.ts'

export interface RegisteredOptions {
  resources: Resources
  tunnels: Pick<Tunnels, 'open'>
  /** Whether this agent was heard from within the heartbeat window. */
  isAlive(agentId: string): boolean
}

export interface RegisteredRoutes {
  machines: Pick<ClusterMachines, 'of'>
  routeOf(cluster: Cluster): ClusterRoute
  close(): void
}

/** Another machine of the cluster may do better; every other failure would be the same there. */
const tryNext: ReadonlySet<TunnelErrorCode> = new Set<TunnelErrorCode>([
  'AgentUnreachable',
  'IdentityRefused',
  'TargetNotAllowed',
  'Busy',
  'Lost',
])
/** For a machine that is not the last one to try: a person waits. */
const firstTryMs = 6_000

export function createRegisteredRoutes(options: RegisteredOptions): RegisteredRoutes {
  const machines = followClusterMachines(options.resources)
  return {
    machines,
    routeOf: (cluster) => registeredRoute(cluster, machines, options),
    close: () => machines.close(),
  }
}

function registeredRoute(cluster: Cluster, machines: ClusterMachines, { tunnels, isAlive }: RegisteredOptions): ClusterRoute {
  const { name, uid } = cluster.metadata
  const all = machines.of(name)
  const able = all.filter(leadsToApi)
  const alive = able.filter((machine) => isAlive(agentIdOf(machine)))
  const [first] = alive
  // Without Retry-After: kubectl would obey it ten times in silence, for each of its requests, before it told anybody.
  if (!first) throw new ApiError('ServiceUnavailable', whyNot(name, all, able), { kind: 'Cluster', name })
  return {
    key: `${uid}/${agentIdOf(first)}`,
    pathPrefix: '',
    host: 'kubernetes.default.svc',
    headers: {},
    async connect({ identity, class: tunnelClass, signal }: ConnectOptions): Promise<Duplex> {
      const user = identity.user.slice(kubeUserPrefix.length)
      let failure: unknown
      for (const machine of alive) {
        const isLast = machine === alive.at(-1)
        try {
          return await tunnels.open(agentIdOf(machine), {
            ...{ target: kubeTarget, class: tunnelClass, user, signal },
            ...(isLast ? {} : { timeoutMs: firstTryMs }),
          })
        } catch (error) {
          failure = named(error, machine)
          if (!(error instanceof TunnelError) || !tryNext.has(error.code)) break
        }
      }
      throw failure
    },
  }
}

const agentIdOf = (machine: Machine): string => machine.status?.agentId ?? ''

function leadsToApi({ metadata, spec, status }: Machine): boolean {
  return !metadata.deletionTimestamp && spec.revoked !== true && !!status?.agentId && status.tunnelTargets?.includes(kubeTarget) === true
}

/** The same error, saying which machine. */
function named(error: unknown, { metadata }: Machine): unknown {
  return error instanceof TunnelError ? new TunnelError(error.code, `machine ${metadata.name}: ${error.message}`, error) : error
}

/** Which machine is in the way, since when, and what to do. */
function whyNot(cluster: string, all: readonly Machine[], able: readonly Machine[]): string {
  const [first] = able
  if (first) {
    const condition = findCondition(first.status?.conditions, 'Connected')
    const since =
      condition && condition.status !== 'True' ? ` since ${condition.lastTransitionTime} (${condition.reason}: ${condition.message})` : ''
    const others = able.length > 1 ? `, nor is any of ${able.length - 1} more` : ''
    return `machine ${first.metadata.name}, which leads to cluster ${cluster}, is not connected${since}${others}. Start its agent, or see its log for why it cannot reach the hub`
  }
  const [other] = all
  if (!other)
    return `cluster ${cluster} has no agent yet. Register it: run the command of its registration where kubectl reaches the cluster`
  return (
    `machine ${other.metadata.name} of cluster ${cluster} does not lead to the cluster's API: the policy of its agent has no part "kubernetes". ` +
    'Add it to the policy file on the machine and restart the agent, or register the cluster with its registration command'
  )
}
