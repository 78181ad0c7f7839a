// The Cluster controller: gathers machines, credential and the last look at the API, and writes the status that follows.
import type { Cluster } from '#shared/contract/cluster.ts'
import { isConditionTrue } from '#shared/contract/conditions.ts'
import type { Credential } from '#shared/contract/credential.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { ClusterClient } from '#hub/clusters/client.ts'
import type { ClusterMachines } from '#hub/clusters/registered/machines.ts'
import type { ClusterRoutes } from '#hub/clusters/types.ts'
import { type Controller, createStatusController, type StatusControllerDeps } from '#hub/controllers/runtime/status-controller.ts'
import type { Change } from '#hub/store/types.ts'
import { createAgentEnds } from './agents.ts'
import { leadsToApi } from './conditions.ts'
import { createObserver, isObserved } from './observer.ts'
import { planCluster } from './plan.ts'
import type { VersionWindow } from './window.ts'

export interface ClusterControllerDeps extends StatusControllerDeps {
  machines: Pick<ClusterMachines, 'of'>
  routes: ClusterRoutes
  client: Pick<ClusterClient, 'send'>
  window: VersionWindow
  observeIntervalMs?: number
}

/** Machine changes of one cluster within this time are looked at once. */
const burstMs = 200

export function createClusterController(deps: ClusterControllerDeps): Controller {
  const { resources, machines, window } = deps
  const observer = createObserver({ ...deps, intervalMs: deps.observeIntervalMs, onSeen: (name) => controller.look(name) })
  const controller = createStatusController<Cluster>(
    deps,
    'Cluster',
    (cluster, now) => {
      const { credentialRef } = cluster.spec
      const credential = credentialRef === undefined ? undefined : resources.get<Credential>('Credential', credentialRef)
      const seen = observer.of(cluster)
      return planCluster({ cluster, machines: machines.of(cluster.metadata.name), seen, credential, window, now })
    },
    (change) =>
      change.kind === 'Machine' ? clustersOfMachine(change) : change.kind === 'Credential' ? clustersOfCredential(change.name) : [],
    burstMs,
  )

  function clustersOfMachine({ object, previous }: Change): readonly string[] {
    const names = [object, previous].map((machine) => (machine as Resource as Machine | undefined)?.spec.clusterRef)
    return [...new Set(names.filter((name) => name !== undefined))]
  }
  function clustersOfCredential(name: string): readonly string[] {
    const { items } = resources.list<Cluster>('Cluster')
    return items.filter(({ spec }) => spec.credentialRef === name).map(({ metadata }) => metadata.name)
  }

  /** What may have opened or closed the way to a cluster is looked at now and not in a minute. */
  function follow(change: Change): void {
    if (change.kind === 'Cluster') {
      const [now, before] = [change.object, change.previous] as unknown as [Cluster, Cluster | undefined]
      if (change.type !== 'MODIFIED' || now.metadata.generation !== before?.metadata.generation) observer.soon(change.name)
    } else if (change.kind === 'Credential') for (const name of clustersOfCredential(change.name)) observer.soon(name)
    else if (change.kind === 'Machine') {
      const [now, before] = [change.object, change.previous] as unknown as [Machine, Machine | undefined]
      const leads = (machine: Machine | undefined) =>
        machine !== undefined && leadsToApi(machine) && isConditionTrue(machine.status?.conditions, 'Connected')
      if (change.type === 'DELETED' || leads(now) !== leads(before)) for (const name of clustersOfMachine(change)) observer.soon(name)
    }
  }

  const agents = createAgentEnds(deps)
  let subscription: { close(): void } | undefined
  return {
    start() {
      controller.start()
      agents.start()
      subscription = resources.subscribe(follow)
      for (const cluster of resources.list<Cluster>('Cluster').items) if (isObserved(cluster)) observer.soon(cluster.metadata.name)
    },
    async stop() {
      subscription?.close()
      await agents.stop()
      await observer.stop()
      await controller.stop()
    },
  }
}
