// The live lists of the application: one per kind, opened when a page first needs it.
import { systemClock } from '#shared/clock/clock.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { send } from '../api/client.ts'
import { apiPath, type Kinds, type Plural } from '../api/kinds.ts'
import { createLiveList, type LiveList } from './live-list.ts'

/** Next frame; a hidden tab has none, so a timer stands in. */
export function nextFrame(show: () => void): void {
  if (document.hidden) setTimeout(show, 250)
  else requestAnimationFrame(show)
}

// Ten thousand machines with every route, clusters with every node, and tasks with every result row would be hundreds of megabytes.
function keepOfMachine(machine: Machine): Machine {
  const facts = machine.status?.facts
  if (!facts) return machine
  return { ...machine, status: { ...machine.status, facts: { ...facts, disks: [], nics: [], routes: [], resolvers: [] } } }
}
function keepOfCluster(cluster: Cluster): Cluster {
  const { status } = cluster
  if (!status) return cluster
  const nodes = status.nodes && { ...status.nodes, items: [] }
  return { ...cluster, spec: { ...cluster.spec, certificateAuthority: undefined }, status: { ...status, nodes, components: undefined } }
}
function keepOfTask(task: Task): Task {
  if (!task.status) return task
  return { ...task, spec: { ...task.spec, input: undefined }, status: { ...task.status, result: undefined } }
}

function onWake(wake: () => void): () => void {
  addEventListener('online', wake)
  return () => removeEventListener('online', wake)
}

const common = { send, clock: systemClock, random: Math.random, schedule: nextFrame, onWake }

const lists: Partial<Record<Plural, LiveList<never>>> = {}

export function listOf<P extends Plural>(plural: P): LiveList<Kinds[P]> {
  const keep = { clusters: keepOfCluster, machines: keepOfMachine, tasks: keepOfTask }[plural as string] as
    | ((object: Kinds[P]) => Kinds[P])
    | undefined
  lists[plural] ??= createLiveList<Kinds[P]>({ ...common, path: apiPath(plural), keep }) as LiveList<never>
  return lists[plural] as unknown as LiveList<Kinds[P]>
}

/** One object with everything in it, live while somebody looks at it. */
export function liveObject<P extends Plural>(plural: P, name: string): LiveList<Kinds[P]> {
  return createLiveList<Kinds[P]>({ ...common, path: apiPath(plural), fieldSelector: `metadata.name=${name}`, lingerMs: 0 })
}

/** Ends and empties every list: what one user was shown must not be there for the next. */
export function forgetLists(): void {
  for (const [plural, list] of Object.entries(lists)) {
    list.close()
    delete lists[plural as Plural]
  }
}
