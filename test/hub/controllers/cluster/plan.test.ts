import test from 'ava'
import type { Cluster, ClusterStatus } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Credential } from '#shared/contract/credential.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Observation } from '#hub/controllers/cluster/observe.ts'
import type { Seen } from '#hub/controllers/cluster/observer.ts'
import { type ClusterGathered, planCluster } from '#hub/controllers/cluster/plan.ts'

const now = new Date('2030-01-01T00:00:00Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)
const cluster = (status?: ClusterStatus, spec: Cluster['spec'] = { type: 'Registered' }): Cluster => ({
  ...{ apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'c', uid: 'u' }, spec, status },
})
const machine = (name: string, phase: string, targets?: string[]): Machine => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind: 'Machine',
  metadata: { name },
  spec: { clusterRef: 'c' },
  status: {
    ...{ phase, tunnelTargets: targets },
    conditions: [
      {
        ...{ type: 'Connected', status: phase === 'Connected' ? 'True' : 'False', reason: 'R', message: 'why' },
        lastTransitionTime: now.toISOString(),
      },
    ],
  },
})
const agent = machine('agent', 'Connected', ['kube'])
const observation: Observation = {
  ...{ version: 'v1.31.4', platform: 'linux/amd64', kubeSystemUID: 'one', unread: [] },
  nodes: {
    total: 1,
    ready: 1,
    items: [{ name: 'n', isReady: true, isSchedulable: true, roles: [], version: 'v1.31.4', addresses: [], problems: [] }],
  },
  capacity: { cpuMillicores: 4000, memoryBytes: 1, pods: 110, allocatableCpuMillicores: 3900, allocatableMemoryBytes: 1 },
  components: [{ name: 'etcd', isHealthy: true }],
}
const seen = (change: Partial<Observation> = {}, at = now): Seen => ({ uid: 'u', at, observation: { ...observation, ...change } })
const failed = (reason: NonNullable<Seen['failure']>['reason'], message = 'what went wrong'): Seen => ({
  ...{ uid: 'u', at: now, failure: { reason, message } },
})
const plan = (given: Partial<ClusterGathered>) =>
  planCluster({ cluster: cluster(), machines: [agent], window: { oldest: 28, newest: 31 }, now, ...given })
const conditionsOf = (given: Partial<ClusterGathered>) => {
  const { status } = plan(given)
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value} ${reason}`]))
}
const messageOf = (given: Partial<ClusterGathered>, type: string) => findCondition(plan(given).status?.conditions, type)?.message ?? ''

test('a named group of machines says what it waits for, who is away, or that it is ready', (t) => {
  t.deepEqual(conditionsOf({ machines: [] }), { Connected: 'False NotRegistered', Ready: 'False NoMachines' })
  t.deepEqual(conditionsOf({ machines: [machine('a', 'Pending')] }), { Ready: 'False WaitingForMachines' })
  t.deepEqual(conditionsOf({ machines: [machine('a', 'Connected')] }), { Ready: 'True MachinesConnected' })
  const two = [machine('a', 'Connected'), machine('b', 'Disconnected')]
  t.deepEqual(conditionsOf({ machines: two }), { Ready: 'False MachinesDisconnected' })
  t.regex(messageOf({ machines: two }, 'Ready'), /b$/)
})

test('counts are of its machines and an unchanged cluster is not written', (t) => {
  const machines = [machine('a', 'Connected'), machine('b', 'Pending')]
  const { status } = plan({ machines })
  t.deepEqual(status?.machines, { total: 2, connected: 1, pending: 1 })
  t.is(plan({ machines, cluster: cluster(status) }).status, undefined)
})

const healthy = {
  ...{ Connected: 'True BothPlanesAnswer', Healthy: 'True AllHealthy', Ready: 'True Ready' },
  ...{ SameCluster: 'True SameCluster', VersionSupported: 'True Supported' },
}

test('a cluster whose API answers has what was read in its status, and a look that finds the same is written rarely', (t) => {
  t.deepEqual(conditionsOf({ seen: seen() }), healthy)
  const { status } = plan({ seen: seen() })
  t.is(status?.phase, 'Running')
  t.is(status?.version, 'v1.31.4')
  t.is(status?.nodes?.ready, 1)
  t.is(status?.observedAt, now.toISOString())
  t.is(plan({ cluster: cluster(status), seen: seen({}, later(4)) }).status, undefined)
  t.is(plan({ cluster: cluster(status), seen: seen({}, later(6)) }).status?.observedAt, later(6).toISOString())
  t.is(plan({ cluster: cluster(status), seen: seen({ version: 'v1.31.5' }, later(1)) }).status?.observedAt, later(1).toISOString())
})

test('Connected says which of the two planes is missing, since when, and what to do', (t) => {
  const known = cluster(plan({ seen: seen() }).status)
  const away = [machine('agent', 'Disconnected', ['kube'])]
  t.like(conditionsOf({ cluster: known, machines: away, seen: failed('NoWay') }), {
    Connected: 'False AgentDisconnected',
    Healthy: 'Unknown NotConnected',
    Ready: 'False AgentDisconnected',
  })
  t.regex(messageOf({ cluster: known, machines: away }, 'Connected'), /^control plane: the agent agent .*since 2030-01-01.*moorline-system/)

  const broken = { cluster: known, seen: failed('Unreachable', 'connection refused'), now: later(1) }
  t.like(conditionsOf(broken), { Connected: 'False ApiUnreachable', Ready: 'False ApiUnreachable' })
  t.regex(messageOf(broken, 'Connected'), /^API: the agent agent is connected, but .* since 2030-01-01T00:01:00.000Z: connection refused/)
  const still = { ...broken, cluster: cluster(plan(broken).status), now: later(9) }
  t.is(plan(still).status, undefined, 'the same trouble is not written again')

  t.like(conditionsOf({ cluster: known, machines: [], seen: failed('NoWay') }), { Connected: 'False NotRegistered' })
  t.is(plan({ cluster: known, seen: undefined }).status, undefined, 'the hub has just started: nothing is called unknown')
  t.like(conditionsOf({ seen: failed('Forbidden') }), { Connected: 'False RightsMissing' })
})

test('another cluster in its place is said, and nothing of it is taken for the first one', (t) => {
  const known = cluster(plan({ seen: seen() }).status)
  const other = { cluster: known, seen: seen({ kubeSystemUID: 'two', version: 'v1.30.0' }, later(1)) }
  t.like(conditionsOf(other), { SameCluster: 'False OtherCluster', Ready: 'False OtherCluster', Healthy: 'Unknown NotConnected' })
  t.is(plan(other).status?.version, 'v1.31.4')
  t.is(plan(other).status?.kubeSystemUID, 'one')
  const gone = { ...other, cluster: cluster(plan(other).status), seen: failed('Unreachable') }
  t.like(conditionsOf(gone), { SameCluster: 'False OtherCluster' }, 'until the first one is seen again')
  t.like(conditionsOf({ ...gone, seen: seen() }), healthy)
})

test('versions outside the window are read all the same, and the condition says what is limited', (t) => {
  const of = (version: string) => conditionsOf({ seen: seen({ version }) }).VersionSupported
  t.is(of('v1.28.0'), 'True Supported')
  t.is(of('v1.31.9+k3s1'), 'True Supported')
  t.is(of('v1.20.2'), 'False TooOld')
  t.is(of('v1.32.0-rc.1'), 'False TooNew')
  t.is(of('v1.18.20'), 'False TooOld')
  t.is(of('v2.0.0'), 'Unknown NotUnderstood')
  t.is(conditionsOf({ seen: seen({ version: 'v1.20.2' }) }).Ready, 'True Ready')
  t.regex(
    messageOf({ seen: seen({ version: 'v1.20.2' }) }, 'VersionSupported'),
    /older than the supported 1\.28 to 1\.31.*kubectl go on.*refused/,
  )
})

test('Healthy names what fails, or what could not be read', (t) => {
  const components = [{ name: 'etcd', isHealthy: false, message: 'reason withheld' }]
  t.is(conditionsOf({ seen: seen({ components }) }).Healthy, 'False ComponentsUnhealthy')
  t.regex(messageOf({ seen: seen({ components }) }, 'Healthy'), /^not healthy: etcd \(reason withheld\)/)
  const [node] = observation.nodes?.items ?? []
  const nodes = { total: 2, ready: 1, items: [{ ...(node as NonNullable<typeof node>), name: 'gone', isReady: false }] }
  t.is(conditionsOf({ seen: seen({ nodes }) }).Healthy, 'False NodesNotReady')
  t.regex(messageOf({ seen: seen({ nodes }) }, 'Healthy'), /1 of 2 nodes not ready: gone/)
  t.is(conditionsOf({ seen: seen({ components: undefined, unread: ['GET /readyz: 403'] }) }).Healthy, 'Unknown NotReadable')
})

test('an imported cluster says whether its Credential is accepted, and 30 days before it ends', (t) => {
  const imported = cluster(undefined, { type: 'Imported', credentialRef: 'key' })
  const credential = (expiresAt?: string) =>
    ({ ...{ apiVersion: '', kind: 'Credential', metadata: { name: 'key' } }, spec: { type: 'Token' }, status: { expiresAt } }) as Credential
  const day = 24 * 60
  const of = (given: Partial<ClusterGathered>) => conditionsOf({ cluster: imported, machines: [], ...given })
  t.deepEqual(of({ seen: seen(), credential: credential() }), {
    ...{ ...healthy, Connected: 'True ApiAnswers', CredentialValid: 'True Accepted', CredentialExpiring: 'False NoEnd' },
  })
  const soon = credential(later(29 * day).toISOString())
  t.like(of({ seen: seen(), credential: soon }), { CredentialExpiring: 'True EndsSoon', Ready: 'True Ready' })
  const far = { cluster: imported, seen: seen(), credential: credential(later(31 * day).toISOString()) }
  t.like(of(far), { CredentialExpiring: 'False NotSoon' })
  t.deepEqual(plan(far).nextAt, later(day))
  t.like(of({ seen: failed('Unauthorized'), credential: credential() }), {
    ...{ CredentialValid: 'False Refused', Connected: 'False CredentialRefused', Ready: 'False Refused' },
  })
  t.like(of({ seen: failed('NoWay') }), { CredentialValid: 'False Missing', Connected: 'False NoWay' })
})
