// When clusters are looked at: at once when there is a way to one, then about each minute, a few at a time. What was seen stays in memory
// until the next look; the controller makes a status of it.
import type { Clock } from '#shared/clock/clock.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Log } from '#shared/log/log.ts'
import type { ClusterClient } from '#hub/clusters/client.ts'
import { ClusterReadError, type ClusterReadReason } from '#hub/clusters/read.ts'
import type { ClusterRoutes } from '#hub/clusters/types.ts'
import { createWorkQueue } from '#hub/controllers/runtime/work-queue.ts'
import type { Resources } from '#hub/resources/types.ts'
import { type Observation, observeCluster } from './observe.ts'

export interface Seen {
  /** Of the cluster that was looked at. */
  uid: string
  at: Date
  observation?: Observation
  failure?: { reason: ClusterReadReason | 'NoWay'; message: string }
}

export interface Observer {
  of(cluster: Cluster): Seen | undefined
  /** There may be something new to see. */
  soon(name: string): void
  stop(): Promise<void>
}

export interface ObserverOptions {
  resources: Resources
  routes: ClusterRoutes
  client: Pick<ClusterClient, 'send'>
  clock: Clock
  random: () => number
  log: Log
  onSeen(name: string): void
  intervalMs?: number
}

export const observeIntervalMs = 60_000
/** A cluster that does not answer is asked again sooner; a person may be mending it. */
const failedIntervalMs = 20_000
const noWayYetMs = 3_000
const startingMs = 120_000
/** Of a hub with very many clusters: no more looks than 25 a second, whatever the interval would be. */
const msForEach = 40
const concurrency = 16

export function isObserved({ spec }: Cluster): boolean {
  return spec.type === 'Registered' || spec.type === 'Imported'
}

export function createObserver(options: ObserverOptions): Observer {
  const { resources, routes, client, clock, random, log } = options
  const seen = new Map<string, Seen>()
  const stopping = new AbortController()

  async function look(cluster: Cluster): Promise<Seen> {
    const uid = cluster.metadata.uid ?? ''
    try {
      const route = routes.routeOf(cluster, { isObservation: true })
      const observation = await observeCluster({ client, route, clock, signal: stopping.signal })
      return { uid, at: clock.now(), observation }
    } catch (error) {
      stopping.signal.throwIfAborted()
      if (error instanceof ApiError) return { uid, at: clock.now(), failure: { reason: 'NoWay', message: error.message } }
      if (!(error instanceof ClusterReadError)) throw error
      return { uid, at: clock.now(), failure: { reason: error.reason, message: error.message } }
    }
  }

  const startedMs = clock.monotonicMs()
  const intervalMs = options.intervalMs ?? observeIntervalMs
  function waitMs({ failure }: Seen): number {
    if (!failure) return intervalMs
    // After a start agents come back one by one, and nothing in the store says when; looking for a way costs nothing.
    if (failure.reason === 'NoWay') return clock.monotonicMs() - startedMs < startingMs ? noWayYetMs : intervalMs
    return Math.min(failedIntervalMs, intervalMs)
  }

  const queue = createWorkQueue({
    name: 'cluster observation',
    ...{ concurrency, clock, random, log },
    async reconcile(name) {
      const cluster = resources.get<Cluster>('Cluster', name)
      if (!cluster || !isObserved(cluster) || cluster.metadata.deletionTimestamp) {
        seen.delete(name)
        return
      }
      let found: Seen
      try {
        found = await look(cluster)
      } catch (error) {
        if (stopping.signal.aborted) return
        throw error
      }
      seen.set(name, found)
      options.onSeen(name)
      const wanted = waitMs(found)
      // Spread, so that clusters that came together are not asked together for ever.
      return { againInMs: Math.max(wanted, resources.list('Cluster').items.length * msForEach) * (0.75 + random() / 2) }
    },
  })

  return {
    of({ metadata: { name, uid } }) {
      const found = seen.get(name)
      // The same name may be another cluster by now.
      return found?.uid === uid ? found : undefined
    },
    soon: (name) => queue.add(name),
    async stop() {
      stopping.abort(new Error('the hub is stopping'))
      await queue.stop()
    },
  }
}
