// One kind (or one object) as an external store for React: a map that the informer fills, read as snapshots.
// Changes are gathered and shown once per animation frame, however many arrive.
import type { Resource } from '#shared/contract/meta.ts'
import { type InformerOptions, type InformerState, runInformer } from './informer.ts'

export interface Snapshot<T> {
  state: InformerState
  /** False until the first list is complete; items may already be partly there. */
  isComplete: boolean
  items: readonly T[]
  byName: ReadonlyMap<string, T>
}

export interface LiveList<T extends Resource> {
  /** Connects while anybody is subscribed, and a little longer, so that going from page to page does not list again. */
  subscribe(onChange: () => void): () => void
  snapshot(): Snapshot<T>
  /** Puts the answer of a write in at once; the watch will say the same a moment later. */
  put(object: T): void
  /** Ends the connection at once. */
  close(): void
}

export interface LiveListOptions<T extends Resource>
  extends Pick<InformerOptions<T>, 'path' | 'fieldSelector' | 'send' | 'clock' | 'random' | 'onWake'> {
  /** Runs `show` soon, at most once per frame. */
  schedule(show: () => void): void
  /** What is kept of an object; the lists do not need every byte. */
  keep?(object: T): T
  lingerMs?: number
}

export function createLiveList<T extends Resource>(options: LiveListOptions<T>): LiveList<T> {
  const keep = options.keep ?? ((object: T) => object)
  const listeners = new Set<() => void>()
  const byName = new Map<string, T>()
  let state: InformerState = { phase: 'loading' }
  let isComplete = false
  let current: Snapshot<T> = { state, isComplete, items: [], byName: new Map() }
  let isScheduled = false
  let areItemsStale = false
  let running: AbortController | undefined
  let linger: { cancel(): void } | undefined

  function show(): void {
    isScheduled = false
    const items = areItemsStale ? [...byName.values()] : current.items
    current = { state, isComplete, items, byName: areItemsStale ? new Map(byName) : current.byName }
    areItemsStale = false
    for (const listener of listeners) listener()
  }
  function changed(areItems: boolean): void {
    areItemsStale ||= areItems
    if (isScheduled) return
    isScheduled = true
    options.schedule(show)
  }
  function put(object: T): void {
    const known = byName.get(object.metadata.name)
    if (known && known.metadata.uid === object.metadata.uid && isOlder(object, known)) return
    byName.set(object.metadata.name, keep(object))
    changed(true)
  }

  function start(): void {
    const controller = new AbortController()
    running = controller
    void runInformer<T>({
      ...options,
      signal: controller.signal,
      onList(items, complete) {
        // A repeated list replaces only when it is whole, so that rows do not vanish and come back.
        if (!complete && isComplete) return
        byName.clear()
        for (const item of items) byName.set(item.metadata.name, keep(item))
        isComplete ||= complete
        changed(true)
      },
      onEvent(type, object) {
        if (type !== 'DELETED') return put(object)
        byName.delete(object.metadata.name)
        changed(true)
      },
      onState(next) {
        state = next
        changed(false)
      },
    })
  }

  return {
    subscribe(onChange) {
      listeners.add(onChange)
      linger?.cancel()
      if (!running || state.phase === 'refused') {
        running?.abort()
        state = isComplete ? state : { phase: 'loading' }
        start()
      }
      return () => {
        listeners.delete(onChange)
        if (listeners.size > 0) return
        linger = options.clock.setTimer(options.lingerMs ?? 30_000, () => {
          running?.abort()
          running = undefined
        })
      }
    },
    snapshot: () => current,
    put,
    close() {
      linger?.cancel()
      running?.abort()
      running = undefined
    },
  }
}

/** resourceVersion is one monotonic counter in this API, so the two may be compared. */
function isOlder(object: Resource, known: Resource): boolean {
  const next = Number(object.metadata.resourceVersion)
  const old = Number(known.metadata.resourceVersion)
  return Number.isFinite(next) && Number.isFinite(old) && next < old
}
