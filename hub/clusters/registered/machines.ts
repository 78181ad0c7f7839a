// Which machines belong to which cluster: kept by the change log, because it is asked for every request to a cluster.
import type { Machine } from '#shared/contract/machine.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface ClusterMachines {
  /** By name. */
  of(cluster: string): Machine[]
  close(): void
}

export function followClusterMachines(resources: Resources): ClusterMachines {
  const byCluster = new Map<string, Set<string>>()
  const clusterOf = new Map<string, string>()
  const forget = (name: string): void => {
    const cluster = clusterOf.get(name)
    if (cluster === undefined) return
    clusterOf.delete(name)
    const names = byCluster.get(cluster)
    names?.delete(name)
    if (names?.size === 0) byCluster.delete(cluster)
  }
  const remember = ({ metadata: { name }, spec: { clusterRef } }: Machine): void => {
    if (clusterOf.get(name) === clusterRef) return
    forget(name)
    if (clusterRef === undefined) return
    clusterOf.set(name, clusterRef)
    const names = byCluster.get(clusterRef) ?? new Set()
    byCluster.set(clusterRef, names.add(name))
  }
  const subscription = resources.subscribe((change) => {
    if (change.kind !== 'Machine') return
    if (change.type === 'DELETED') forget(change.name)
    else remember(change.object as Machine)
  })
  for (const machine of resources.list<Machine>('Machine').items) remember(machine)
  return {
    of: (cluster) =>
      [...(byCluster.get(cluster) ?? [])]
        .sort()
        .map((name) => resources.get<Machine>('Machine', name))
        .filter((machine) => machine !== undefined),
    close: () => subscription.close(),
  }
}
