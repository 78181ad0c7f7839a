import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { type Controller, createStatusController, type StatusControllerDeps } from '#hub/controllers/runtime/status-controller.ts'
import { planCluster } from './plan.ts'

/** Machine changes of one cluster within this time are looked at once. */
const burstMs = 200

export function createClusterController(deps: StatusControllerDeps): Controller {
  const machinesOf = (name: string) => deps.resources.list<Machine>('Machine').items.filter((machine) => machine.spec.clusterRef === name)
  return createStatusController<Cluster>(
    deps,
    'Cluster',
    (cluster, now) => planCluster(cluster, machinesOf(cluster.metadata.name), now),
    (change) => {
      if (change.kind !== 'Machine') return []
      const names = [change.object, change.previous].map((object) => (object as Resource as Machine | undefined)?.spec.clusterRef)
      return [...new Set(names.filter((name) => name !== undefined))]
    },
    burstMs,
  )
}
