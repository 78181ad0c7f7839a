// Status of a cluster from everything gathered. Pure.
//
// A Registered cluster is either a named group of machines, of which none leads to a Kubernetes API, or a cluster whose API the hub
// reads through an agent. It becomes the second when the first agent that leads to an API has connected, and stays it.
import { type ConditionInput, findCondition, isConditionTrue, setCondition } from '#shared/contract/conditions.ts'
import type { Cluster, ClusterStatus } from '#shared/contract/cluster.ts'
import type { Credential } from '#shared/contract/credential.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Condition } from '#shared/contract/meta.ts'
import { connected, healthy, leadsToApi, sameCluster, versionSupported } from './conditions.ts'
import { credentialConditions } from './credential-conditions.ts'
import type { Seen } from './observer.ts'
import type { VersionWindow } from './window.ts'

export interface ClusterGathered {
  cluster: Cluster
  machines: readonly Machine[]
  /** The last look at its API since the hub started. */
  seen?: Seen
  /** Imported: the one that it names. */
  credential?: Credential
  window: VersionWindow
  now: Date
}

/** A look that found nothing new is written this often, so that the time of it is about right. */
export const observedAtMs = 5 * 60_000

/** Of this controller; a condition that is none of the plan any more goes. */
const own: ReadonlySet<string> = new Set([
  ...['Connected', 'CredentialExpiring', 'CredentialValid', 'Healthy', 'Ready', 'SameCluster', 'VersionSupported'],
])

export function planCluster(gathered: ClusterGathered): { status?: ClusterStatus; nextAt?: Date } {
  const { cluster, machines, now } = gathered
  const old = cluster.status
  const counts = {
    total: machines.length,
    connected: machines.filter((machine) => isConditionTrue(machine.status?.conditions, 'Connected')).length,
    pending: machines.filter((machine) => machine.status?.phase === 'Pending').length,
  }
  const status: ClusterStatus = { ...old, machines: counts }
  const isGroup = cluster.spec.type === 'Registered' && old?.observedAt === undefined && !machines.some(leadsToApi)
  const { wanted, nextAt } = isGroup ? { wanted: groupConditions(machines, counts), nextAt: undefined } : apiConditions(gathered, status)

  let conditions: readonly Condition[] | undefined = old?.conditions
  for (const condition of wanted)
    conditions = setCondition(conditions, { ...condition, observedGeneration: cluster.metadata.generation }, now)
  const stale = (conditions ?? []).filter(({ type }) => own.has(type) && !wanted.some((condition) => condition.type === type))
  if (stale.length > 0) conditions = conditions?.filter((condition) => !stale.includes(condition))
  status.conditions = conditions as Condition[]
  status.phase = phaseOf(cluster, status, isGroup)
  return { status: JSON.stringify(status) === JSON.stringify(old) ? undefined : status, nextAt }
}

/** Takes what was seen into the status, and judges. */
function apiConditions(gathered: ClusterGathered, status: ClusterStatus): { wanted: ConditionInput[]; nextAt?: Date } {
  const { cluster, seen } = gathered
  const same = sameCluster(gathered, cluster.status?.kubeSystemUID) ?? kept(cluster, 'SameCluster')
  const connection = connected(gathered)
  if (same?.status !== 'False') takeObservation(status, seen)
  const health = healthy(gathered, status, connection.status === 'True' && same?.status !== 'False')
  const credential = cluster.spec.type === 'Imported' ? credentialConditions(gathered) : { conditions: [] as ConditionInput[] }
  const parts = [same, ...credential.conditions, connection, health, versionSupported(gathered, status.version)]
  const wanted = parts.filter((condition) => condition !== undefined)
  return { wanted: [...wanted, ready(wanted)], ...('nextAt' in credential && { nextAt: credential.nextAt }) }
}

/** Until the next look says otherwise. */
function kept(cluster: Cluster, type: string): ConditionInput | undefined {
  const found = findCondition(cluster.status?.conditions, type)
  return found && { type, status: found.status as ConditionInput['status'], reason: found.reason, message: found.message }
}

function takeObservation(status: ClusterStatus, seen: Seen | undefined): void {
  const observation = seen?.observation
  if (!seen || !observation) return
  const { version, platform, kubeSystemUID, nodes, capacity, components } = observation
  const next = {
    version,
    ...(platform && { platform }),
    kubeSystemUID,
    ...(nodes && { nodes, capacity }),
    ...(components && { components }),
  }
  const isNew = JSON.stringify(next) !== JSON.stringify(pick(status, Object.keys(next)))
  Object.assign(status, next)
  const ageMs = status.observedAt === undefined ? Infinity : seen.at.getTime() - Date.parse(status.observedAt)
  if (isNew || ageMs >= observedAtMs) status.observedAt = seen.at.toISOString()
}

function pick(status: ClusterStatus, keys: readonly string[]): object {
  return Object.fromEntries(keys.map((key) => [key, status[key as keyof ClusterStatus]]))
}

/** The first that is wrong, in the order in which one explains the next. A version that is not supported can be used all the same. */
function ready(conditions: readonly ConditionInput[]): ConditionInput {
  const type = 'Ready'
  const needed = ['SameCluster', 'CredentialValid', 'Connected', 'Healthy']
  for (const name of needed) {
    const found = conditions.find((condition) => condition.type === name)
    if (!found || found.status === 'True') continue
    if (found.status === 'Unknown' && name === 'Healthy') continue
    return { type, status: found.status === 'Unknown' ? 'Unknown' : 'False', reason: found.reason, message: found.message }
  }
  return { type, status: 'True', reason: 'Ready', message: 'its API answers, and nothing of what it reports is unhealthy' }
}

function groupConditions(
  machines: readonly Machine[],
  { total, connected: here, pending }: NonNullable<ClusterStatus['machines']>,
): ConditionInput[] {
  const type = 'Ready'
  const away = machines.filter((machine) => machine.status?.phase === 'Disconnected').map((machine) => machine.metadata.name)
  if (total === 0) {
    const message = 'no agent has joined yet; run one of the two commands of its registration, or create a JoinToken with this clusterRef'
    return [
      { type: 'Connected', status: 'False', reason: 'NotRegistered', message: 'no agent of this cluster has connected yet' },
      { type, status: 'False', reason: 'NoMachines', message },
    ]
  }
  if (away.length > 0) {
    const message = `not connected: ${away.slice(0, 10).join(', ')}${away.length > 10 ? ` and ${away.length - 10} more` : ''}`
    return [{ type, status: 'False', reason: 'MachinesDisconnected', message }]
  }
  if (here === 0)
    return [
      { type, status: 'False', reason: 'WaitingForMachines', message: `${pending} machines wait for approval or their first connection` },
    ]
  return [{ type, status: 'True', reason: 'MachinesConnected', message: `${here} of ${total} machines are connected` }]
}

function phaseOf({ metadata, spec }: Cluster, { conditions, machines }: ClusterStatus, isGroup: boolean): string {
  if (metadata.deletionTimestamp) return 'Deleting'
  if (isGroup) return (machines?.connected ?? 0) > 0 ? 'Running' : 'Pending'
  const connection = findCondition(conditions, 'Connected')
  if (connection?.status === 'True') return isConditionTrue(conditions, 'SameCluster') ? 'Running' : 'Failed'
  if (connection?.status === 'Unknown') return 'Pending'
  return connection?.reason === 'NotRegistered' && spec.type === 'Registered' ? 'Pending' : 'Disconnected'
}
