// get, list and watch: everything that reads.
import type { Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { TooOldError } from '#hub/store/errors.ts'
import type { Change, Store } from '#hub/store/types.ts'
import { decodeContinue, encodeContinue } from './paging.ts'
import { createMatcher, type Matcher } from './selectors.ts'
import type { KindDefinition, ListOptions, Resources, WatchEvent } from './types.ts'

export function createReader(
  store: Store,
  definitionOf: (kind: string) => KindDefinition,
): Pick<Resources, 'get' | 'list' | 'watch' | 'subscribe'> {
  function subscribe(kind: string, version: number, onChange: (change: Change) => void): { close(): void } {
    try {
      return store.subscribe(kind, version, onChange)
    } catch (error) {
      if (error instanceof TooOldError) throw new ApiError('Expired', error.message, { cause: error })
      throw error
    }
  }

  function list(kind: string, options: ListOptions = {}): ReturnType<Resources['list']> {
    const definition = definitionOf(kind)
    const matches = createMatcher(definition, options)
    const { items: all, resourceVersion } = store.list(kind)
    const position = options.continue ? decodeContinue(options.continue) : undefined
    const version = position?.version ?? resourceVersion
    // Only to learn whether a watch from there would still work.
    if (position) subscribe(kind, version, () => {}).close()
    const start = position ? firstAfter(all, position.after) : 0
    const limit = options.limit && options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY
    if (!matches && start === 0 && all.length <= limit) return { items: all, resourceVersion: String(version) }

    const items: Resource[] = []
    let at = start
    for (; at < all.length && items.length < limit; at++) {
      const object = all[at] as Resource
      if (!matches || matches(object)) items.push(object)
    }
    const last = items.at(-1)
    if (!last || !hasMore(all, at, matches)) return { items, resourceVersion: String(version) }
    return {
      items,
      resourceVersion: String(version),
      continue: encodeContinue({ version, after: last.metadata.name }),
      // As in Kubernetes, not told when selectors make it expensive to know.
      ...(!matches && { remainingItemCount: all.length - at }),
    }
  }

  return {
    get: ((kind: string, name: string) => {
      definitionOf(kind)
      return store.get(kind, name)
    }) as Resources['get'],
    list: list as Resources['list'],
    watch(kind, resourceVersion, options, onEvent) {
      const matches = createMatcher(definitionOf(kind), options)
      return subscribe(kind, resourceVersion, (change) => {
        const event = eventFor(change, matches)
        if (event) onEvent(event)
      })
    },
    subscribe: (onChange) => store.subscribe('*', store.currentResourceVersion(), onChange),
  }
}

function firstAfter(items: readonly Resource[], name: string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle]?.metadata.name ?? '') > name) high = middle
    else low = middle + 1
  }
  return low
}

function hasMore(items: readonly Resource[], from: number, matches: Matcher | undefined): boolean {
  return matches ? items.slice(from).some(matches) : from < items.length
}

/** An object that begins to match is ADDED for this watcher, one that no longer does is DELETED. */
export function eventFor({ type, object, previous }: Change, matches: Matcher | undefined): WatchEvent | undefined {
  if (!matches) return { type, object }
  const isIn = matches(object)
  if (type === 'ADDED') return isIn ? { type, object } : undefined
  if (type === 'DELETED') return isIn || (previous && matches(previous)) ? { type, object } : undefined
  // After a restart what was before may be unknown: then a DELETED that nobody waits for does no harm, a missing one would.
  const wasIn = previous ? matches(previous) : true
  if (isIn) return { type: wasIn ? 'MODIFIED' : 'ADDED', object }
  if (!wasIn) return undefined
  const { resourceVersion } = object.metadata
  return { type: 'DELETED', object: previous ? { ...previous, metadata: { ...previous.metadata, resourceVersion } } : object }
}
