// The conditions of a cluster whose API the hub reads, one function each. Pure. Each message says what is the case and, where something
// can be done, what next.
import { type ConditionInput, findCondition, isConditionTrue } from '#shared/contract/conditions.ts'
import type { ClusterStatus } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { kubeTarget } from '#shared/contract/tunnel.ts'
import { plainLine } from '#shared/schema/plain-line.ts'
import type { ClusterGathered } from './plan.ts'
import { minorOf, oldestAccepted } from './window.ts'

/** An agent of this machine leads to the cluster's API. */
export function leadsToApi({ metadata, spec, status }: Machine): boolean {
  return !metadata.deletionTimestamp && spec.revoked !== true && status?.tunnelTargets?.includes(kubeTarget) === true
}

const message = (text: string): string => plainLine(text, 1024)

/** The first time that this was so; a message that says it stays the same. */
function since({ cluster, now }: ClusterGathered, type: string, reason: string): string {
  const before = findCondition(cluster.status?.conditions, type)
  return before?.reason === reason && before.status !== 'True' ? before.lastTransitionTime : now.toISOString()
}

export function connected(gathered: ClusterGathered): ConditionInput {
  return gathered.cluster.spec.type === 'Imported' ? connectedDirectly(gathered) : connectedByAgent(gathered)
}

function connectedByAgent(gathered: ClusterGathered): ConditionInput {
  const { cluster, machines, seen } = gathered
  const type = 'Connected'
  const { name } = cluster.metadata
  const agents = machines.filter(leadsToApi)
  const [agent] = agents
  if (!agent) {
    const hint = machines.length === 0 ? '' : ` None of its ${machines.length} machines leads to its API.`
    const what = `no agent of this cluster leads the hub to its API.${hint} Run one of the two commands of its registration`
    return { type, status: 'False', reason: 'NotRegistered', message: message(what) }
  }
  const alive = agents.find(({ status }) => isConditionTrue(status?.conditions, 'Connected'))
  if (!alive) {
    const lost = findCondition(agent.status?.conditions, 'Connected')
    const why = lost ? ` since ${lost.lastTransitionTime} (${lost.reason}: ${lost.message})` : ''
    const what = `control plane: the agent ${agent.metadata.name} is not connected to the hub${why}. `
    const next =
      'Look whether it runs: kubectl -n moorline-system get pods, or systemctl status moorline-agent on its host. It reconnects by itself'
    return { type, status: 'False', reason: 'AgentDisconnected', message: message(what + next) }
  }
  const { metadata } = alive
  if (seen?.observation) {
    const what = `the agent ${metadata.name} is connected, and the API of the cluster answers through it`
    return { type, status: 'True', reason: 'BothPlanesAnswer', message: message(what) }
  }
  const failure = seen?.failure
  // No way while the agent is connected: the look was a moment before it came.
  if (!failure || failure.reason === 'NoWay') return notReadYet(gathered, `the agent ${metadata.name} is connected; the API is being read`)
  const reason = reasonOf(failure.reason)
  const what = `API: the agent ${metadata.name} is connected, but the API of the cluster is not usable through it since ${since(gathered, type, reason)}: ${failure.message}`
  const next = `The hub tries again; kubectl on cluster ${name} shows the same error`
  return { type, status: 'False', reason, message: message(`${what}. ${next}`) }
}

function connectedDirectly(gathered: ClusterGathered): ConditionInput {
  const type = 'Connected'
  const { seen } = gathered
  if (seen?.observation) return { type, status: 'True', reason: 'ApiAnswers', message: 'the API server answers the hub' }
  if (!seen?.failure) return notReadYet(gathered, 'the API server is being asked')
  const reason = seen.failure.reason === 'NoWay' ? 'NoWay' : reasonOf(seen.failure.reason)
  const what = `the API server is not usable since ${since(gathered, type, reason)}: ${seen.failure.message}. The hub tries again by itself`
  return { type, status: 'False', reason, message: message(what) }
}

function reasonOf(reason: string): string {
  if (reason === 'Unauthorized') return 'CredentialRefused'
  if (reason === 'Forbidden') return 'RightsMissing'
  if (reason === 'NotUnderstood') return 'NotUnderstood'
  return 'ApiUnreachable'
}

/** After a start of the hub what was true is not called unknown before the first look. */
function notReadYet({ cluster }: ClusterGathered, text: string): ConditionInput {
  const before = findCondition(cluster.status?.conditions, 'Connected')
  if (before?.status === 'True') return { type: 'Connected', status: 'True', reason: before.reason, message: before.message }
  return { type: 'Connected', status: 'Unknown', reason: 'Reading', message: text }
}

export function sameCluster({ seen }: ClusterGathered, known: string | undefined): ConditionInput | undefined {
  const type = 'SameCluster'
  const found = seen?.observation?.kubeSystemUID
  if (found === undefined) return undefined
  if (known === undefined || known === found)
    return { type, status: 'True', reason: 'SameCluster', message: `the UID of its namespace kube-system is ${found}` }
  const what = `another cluster answers: the UID of kube-system is ${found}, it was ${known}. Nobody is led there. `
  const next = 'Bring the first one back to its place, or delete this Cluster and make one for the other'
  return { type, status: 'False', reason: 'OtherCluster', message: what + next }
}

export function versionSupported({ window: { oldest, newest } }: ClusterGathered, version: string | undefined): ConditionInput | undefined {
  const type = 'VersionSupported'
  if (version === undefined) return undefined
  const minor = minorOf(version)
  const range = `1.${oldest} to 1.${newest}`
  const limited = 'Reading it and kubectl go on; what changes the cluster itself (upgrade, rotation) is refused'
  if (minor === undefined)
    return { type, status: 'Unknown', reason: 'NotUnderstood', message: message(`${version} is no version of Kubernetes 1. ${limited}`) }
  if (minor < oldestAccepted)
    return {
      ...{ type, status: 'False', reason: 'TooOld' },
      message: `${version} is older than 1.${oldestAccepted}: what the hub shows of it may be wrong. Upgrade it to ${range}`,
    }
  if (minor < oldest)
    return { type, status: 'False', reason: 'TooOld', message: `${version} is older than the supported ${range}. ${limited}. Upgrade it` }
  if (minor > newest)
    return {
      type,
      status: 'False',
      reason: 'TooNew',
      message: `${version} is newer than the supported ${range}. ${limited}. Upgrade this hub`,
    }
  return { type, status: 'True', reason: 'Supported', message: `${version} is within ${range}` }
}

export function healthy(gathered: ClusterGathered, status: ClusterStatus, isConnected: boolean): ConditionInput | undefined {
  const type = 'Healthy'
  if (status.observedAt === undefined) return undefined
  if (!isConnected) {
    const text = 'nobody knows while the cluster is not connected; what is shown was read before'
    return { type, status: 'Unknown', reason: 'NotConnected', message: text }
  }
  const { nodes, components } = status
  const failing = (components ?? []).filter(({ isHealthy }) => !isHealthy)
  const down = (nodes?.items ?? []).filter(({ isReady }) => !isReady)
  const parts: string[] = []
  if (failing.length > 0) parts.push(`not healthy: ${some(failing.map(({ name, message: why }) => (why ? `${name} (${why})` : name)))}`)
  if (nodes && nodes.ready < nodes.total)
    parts.push(
      `${nodes.total - nodes.ready} of ${nodes.total} nodes not ready${down.length > 0 ? `: ${some(down.map(({ name }) => name))}` : ''}`,
    )
  if (parts.length > 0) {
    const reason = failing.length > 0 ? 'ComponentsUnhealthy' : 'NodesNotReady'
    return {
      type,
      status: 'False',
      reason,
      message: message(`${parts.join('; ')}. The tabs Components and Nodes, or kubectl describe node, say more`),
    }
  }
  const unread = gathered.seen?.observation?.unread ?? []
  if (unread.length > 0)
    return { type, status: 'Unknown', reason: 'NotReadable', message: message(`could not be read: ${unread.join('; ')}`) }
  if (nodes?.total === 0) return { type, status: 'False', reason: 'NoNodes', message: 'the cluster has no node; nothing can run on it' }
  return {
    type,
    status: 'True',
    reason: 'AllHealthy',
    message: `${nodes?.total ?? 0} nodes and ${(components ?? []).length} components are well`,
  }
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`
}
