// What the pages say about a cluster, read from the object alone.
import { findCondition, isConditionTrue } from '#shared/contract/conditions.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Condition } from '#shared/contract/meta.ts'
import { kubeTarget } from '#shared/contract/tunnel.ts'
import { isTroubled } from './conditions.ts'

export function clusterPhase(cluster: Cluster): string {
  return cluster.metadata.deletionTimestamp ? 'Deleting' : (cluster.status?.phase ?? 'Pending')
}

/** Its API has answered the hub at least once. */
export function wasRead({ status }: Cluster): boolean {
  return status?.observedAt !== undefined || status?.version !== undefined
}

/** Through this machine's agent the hub reaches the Kubernetes API of the cluster. */
export function isClusterAgent(machine: Machine): boolean {
  return machine.status?.tunnelTargets?.includes(kubeTarget) === true && machine.spec.revoked !== true
}

export interface Step {
  id: string
  /** While it is to come, and when it is done: nothing is called done before it is. */
  title: string
  doneTitle: string
  isDone: boolean
}

/** How far a cluster that was just created has come; each step only counts after the ones before it. */
export function clusterSteps(cluster: Cluster): Step[] {
  const { status, spec } = cluster
  const isConnected = isConditionTrue(status?.conditions, 'Connected') || wasRead(cluster)
  const first =
    spec.type === 'Imported'
      ? { id: 'reached', title: 'Reach the API server', doneTitle: 'API server reached', isDone: isConnected }
      : {
          id: 'connected',
          title: 'Agent connects',
          doneTitle: 'Agent connected',
          isDone: isConnected || (status?.machines?.connected ?? 0) > 0,
        }
  const steps: Step[] = [
    first,
    { id: 'version', title: 'Read version', doneTitle: 'Version read', isDone: status?.version !== undefined },
    { id: 'nodes', title: 'Read nodes', doneTitle: 'Nodes read', isDone: status?.nodes !== undefined },
    { id: 'ready', title: 'Ready', doneTitle: 'Ready', isDone: wasRead(cluster) && isConditionTrue(status?.conditions, 'Ready') },
  ]
  const reached = steps.findIndex(({ isDone }) => !isDone)
  return steps.map((step, index) => ({ ...step, isDone: reached === -1 || index < reached }))
}

/** In this order the first that is troubled explains the others. */
const causes = ['SameCluster', 'CredentialValid', 'Connected', 'Healthy', 'VersionSupported', 'Ready', 'CredentialExpiring'] as const

export function clusterProblem(cluster: Cluster): Condition | undefined {
  const conditions = cluster.status?.conditions
  for (const type of causes) {
    const condition = findCondition(conditions, type)
    if (condition && isTroubled(condition)) return condition
  }
  return conditions?.find(isTroubled)
}

/** What a person can do about a condition that is not as it should be, where the hub's own message does not say it. */
export function clusterRemedy(cluster: Cluster, condition: Condition): string | undefined {
  if (!isTroubled(condition)) return undefined
  const isImported = cluster.spec.type === 'Imported'
  switch (condition.type) {
    case 'Connected':
      if (isImported) return 'Check the address, the proxy and the firewall between hub and cluster. The hub tries again by itself.'
      if (!wasRead(cluster)) return 'Run one of the two commands of “Register” on the cluster.'
      return undefined
    case 'SameCluster':
      return isImported
        ? 'Another cluster answers at this address. Correct the address, or delete this cluster here and import the other one.'
        : 'The agent now runs in another cluster. Bring it back, or delete this cluster here and register the other one.'
    case 'CredentialValid':
      return 'Replace the credential with one that the cluster accepts.'
    case 'CredentialExpiring':
      return 'Replace the credential before it expires; nothing is interrupted.'
    default:
      return undefined
  }
}

const titles: Readonly<Record<string, string>> = {
  Connected: 'The hub does not reach this cluster',
  VersionSupported: 'This Kubernetes version is not supported',
  Healthy: 'The cluster is not healthy',
  SameCluster: 'Another cluster answers in its place',
  CredentialValid: 'The cluster refuses the credential',
  CredentialExpiring: 'The credential ends soon',
  Ready: 'The cluster is not ready',
}

/** A troubled condition in words for its heading. */
export function clusterTrouble(cluster: Cluster, { type, reason }: Condition): string {
  if (type === 'Connected' && !wasRead(cluster)) return 'The hub has not reached this cluster yet'
  return Object.hasOwn(titles, type) ? (titles[type] as string) : `${type}: ${reason}`
}
