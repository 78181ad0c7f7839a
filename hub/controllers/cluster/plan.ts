// Status of a Registered cluster while it is a named group of machines. Pure.
import { isConditionTrue, setCondition } from '#shared/contract/conditions.ts'
import type { Cluster, ClusterStatus } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'

export function planCluster(cluster: Cluster, machines: readonly Machine[], now: Date): { status?: ClusterStatus } {
  const total = machines.length
  const connected = machines.filter((machine) => isConditionTrue(machine.status?.conditions, 'Connected')).length
  const pending = machines.filter((machine) => machine.status?.phase === 'Pending').length
  const away = machines.filter((machine) => machine.status?.phase === 'Disconnected').map((machine) => machine.metadata.name)
  const observedGeneration = cluster.metadata.generation
  const [ready, reason, message] =
    total === 0
      ? (['False', 'NoMachines', 'no machine has joined yet; create a JoinToken with this clusterRef and run its install command'] as const)
      : away.length > 0
        ? ([
            'False',
            'MachinesDisconnected',
            `not connected: ${away.slice(0, 10).join(', ')}${away.length > 10 ? ` and ${away.length - 10} more` : ''}`,
          ] as const)
        : connected === 0
          ? (['False', 'WaitingForMachines', `${pending} machines wait for approval or their first connection`] as const)
          : (['True', 'MachinesConnected', `${connected} of ${total} machines are connected`] as const)
  const conditions = setCondition(cluster.status?.conditions, { type: 'Ready', status: ready, reason, message, observedGeneration }, now)
  const phase = cluster.metadata.deletionTimestamp ? 'Deleting' : connected > 0 ? 'Running' : 'Pending'
  const counts = { total, connected, pending }
  const old = cluster.status
  const isSame =
    old?.phase === phase &&
    old.conditions === conditions &&
    old.machines?.total === total &&
    old.machines.connected === connected &&
    old.machines.pending === pending
  return { status: isSame ? undefined : { ...old, phase, machines: counts, conditions } }
}
