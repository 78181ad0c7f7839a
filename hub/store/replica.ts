// All objects in memory, in the order of the writer's commits, and the newest changes for watchers that come back. Objects are
// frozen: they are shared by every reader.
import type { Resource } from '#shared/contract/meta.ts'
import type { WireChange } from './commands.ts'
import { TooOldError } from './errors.ts'
import type { LogLimits } from './writer/objects.ts'
import type { Change } from './types.ts'

/** Smaller than the log on disk: this one is kept as text in the hub's memory. */
export const replicaLogLimits: LogLimits = { rows: 50_000, bytes: 32 * 1024 * 1024 }

interface Entry {
  object: Resource
  json: string
}
interface LogEntry extends WireChange {
  previousJson?: string
}
interface Subscriber {
  kind: string
  onChange(change: Change): void
}

export interface Replica {
  load(rows: readonly WireChange[]): void
  loadLog(rows: readonly WireChange[]): void
  ready(version: number, compacted: number): void
  /** Applies one committed change and tells the subscribers. */
  apply(change: WireChange): Resource
  get(kind: string, name: string): Resource | undefined
  list(kind: string): { items: Resource[]; resourceVersion: number }
  json(object: Resource): string
  version(): number
  subscribe(kind: string, version: number, onChange: (change: Change) => void): { close(): void }
}

export function createReplica(onSubscriberError: (error: unknown) => void, limits: LogLimits = replicaLogLimits): Replica {
  const kinds = new Map<string, Map<string, Entry>>()
  const sorted = new Map<string, string[]>()
  const texts = new WeakMap<Resource, string>()
  const subscribers = new Set<Subscriber>()
  let log: LogEntry[] = []
  let logStart = 0
  let logBytes = 0
  let compacted = 0
  let current = 0

  function parse(json: string): Resource {
    const object = deepFreeze(JSON.parse(json) as Resource)
    texts.set(object, json)
    return object
  }

  function ofKind(kind: string): Map<string, Entry> {
    let map = kinds.get(kind)
    if (!map) kinds.set(kind, (map = new Map()))
    return map
  }

  function names(kind: string): string[] {
    let list = sorted.get(kind)
    if (!list) sorted.set(kind, (list = [...ofKind(kind).keys()].sort()))
    return list
  }

  function remember(entry: LogEntry): void {
    log.push(entry)
    logBytes += entry.json.length
    while (log.length - logStart > limits.rows || logBytes > limits.bytes) {
      const oldest = log[logStart++]
      if (!oldest) break
      logBytes -= oldest.json.length
      compacted = oldest.version
    }
    // Cut in one go now and then: shift() on a long array is slow.
    if (logStart > 1_000 && logStart * 2 > log.length) {
      log = log.slice(logStart)
      logStart = 0
    }
  }

  function tell(change: Change): void {
    for (const subscriber of subscribers) {
      if (subscriber.kind !== '*' && subscriber.kind !== change.kind) continue
      try {
        subscriber.onChange(change)
      } catch (error) {
        onSubscriberError(error)
      }
    }
  }

  /** First position in the log with a version above `version`. */
  function positionAfter(version: number): number {
    let low = logStart
    let high = log.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((log[middle]?.version ?? 0) > version) high = middle
      else low = middle + 1
    }
    return low
  }

  return {
    load(rows) {
      for (const { kind, name, json } of rows) ofKind(kind).set(name, { object: parse(json), json })
    },
    loadLog(rows) {
      const previous = new Map<string, string>()
      for (const row of rows) {
        const key = `${row.kind}/${row.name}`
        remember({ ...row, previousJson: previous.get(key) })
        previous.set(key, row.json)
      }
    },
    ready(version, compactedVersion) {
      current = version
      compacted = Math.max(compacted, compactedVersion)
    },
    apply({ type, version, kind, name, json }) {
      const map = ofKind(kind)
      const old = map.get(name)
      const object = parse(json)
      if (type === 'DELETED') map.delete(name)
      else map.set(name, { object, json })
      if (type !== 'MODIFIED') sorted.delete(kind)
      current = version
      remember({ type, version, kind, name, json, previousJson: old?.json })
      tell({ type, resourceVersion: version, kind, name, object, previous: old?.object })
      return object
    },
    get: (kind, name) => kinds.get(kind)?.get(name)?.object,
    list(kind) {
      const map = ofKind(kind)
      const items: Resource[] = []
      for (const name of names(kind)) {
        const entry = map.get(name)
        if (entry) items.push(entry.object)
      }
      return { items, resourceVersion: current }
    },
    json: (object) => texts.get(object) ?? JSON.stringify(object),
    version: () => current,
    subscribe(kind, version, onChange) {
      if (version < compacted) throw new TooOldError(`too old resource version: ${version} (${compacted})`)
      if (version > current) throw new TooOldError(`resource version ${version} is not of this history (${current})`)
      const subscriber: Subscriber = { kind, onChange }
      let isOpen = true
      // Replayed changes first; nothing can come in between because this is synchronous.
      for (const entry of log.slice(positionAfter(version))) {
        if (!isOpen) break
        if (kind !== '*' && entry.kind !== kind) continue
        try {
          onChange({
            type: entry.type,
            resourceVersion: entry.version,
            kind: entry.kind,
            name: entry.name,
            object: parse(entry.json),
            previous: entry.previousJson === undefined ? undefined : parse(entry.previousJson),
          })
        } catch (error) {
          onSubscriberError(error)
        }
      }
      if (isOpen) subscribers.add(subscriber)
      return {
        close() {
          isOpen = false
          subscribers.delete(subscriber)
        },
      }
    },
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const child of Object.values(value)) deepFreeze(child)
  return Object.freeze(value)
}
