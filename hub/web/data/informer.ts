// Keeps one list of objects current: list, then watch from there; reconnect with jitter; resume by resourceVersion; list again on 410.
// Owns the connection and nothing else: what arrives is handed to the caller in order.
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { type BackoffOptions, fullJitterMs } from '#shared/flow/backoff.ts'
import { type ApiFailure, asFailure, failureFromStatus } from '../api/failure.ts'
import { readNdjson } from '../api/ndjson.ts'

export type InformerState =
  | { phase: 'loading' }
  | { phase: 'live' }
  /** The last attempt failed; what is shown may be old. */
  | { phase: 'retrying'; failure: ApiFailure }
  /** Repeating it would not help: no permission, or signed out. */
  | { phase: 'refused'; failure: ApiFailure }

export interface InformerOptions<T extends Resource> {
  /** Path of the list without query. */
  path: string
  fieldSelector?: string
  send(path: string, init: RequestInit): Promise<Response>
  clock: Clock
  random: () => number
  signal: AbortSignal
  /** Everything there is, replacing what was known. Called per page while the first list arrives. */
  onList(items: T[], isComplete: boolean): void
  onEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void
  onState(state: InformerState): void
  /** Calls back when the network is back, so that a waiting retry is made at once; returns how to stop listening. */
  onWake?(wake: () => void): () => void
}

/** Gentle on a hub that restarts, quick enough that nobody reaches for the reload button. */
export const watchBackoff: BackoffOptions = { baseMs: 500, maxMs: 15_000 }
const pageSize = 1000
/** A stream that says nothing for this long is taken for dead: the hub sends a bookmark at least each minute. */
const idleMs = 150_000

interface ListAnswer<T> {
  items: T[]
  metadata: { resourceVersion: string; continue?: string }
}

export async function runInformer<T extends Resource>(options: InformerOptions<T>): Promise<void> {
  const { clock, signal } = options
  let resourceVersion: string | undefined
  let failures = 0
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs()
    try {
      resourceVersion ??= await listAll(options)
      const from = resourceVersion
      await watchFrom(options, from, (next) => {
        resourceVersion = next
        failures = 0
      })
      // The hub ends each watch after a while; one that ends at once must not become a busy loop.
      if (clock.monotonicMs() - startedMs < 1_000) await waitFor(clock, 1_000, signal)
    } catch (error) {
      if (signal.aborted) return
      const failure = asFailure(error)
      if (failure.status === 410) {
        resourceVersion = undefined
        if (failures++ === 0) continue
      } else if (failure.status === 401 || failure.status === 403) {
        options.onState({ phase: 'refused', failure })
        return
      } else {
        options.onState({ phase: 'retrying', failure })
      }
      await waitOrWake(options, 250 + fullJitterMs(failures++, options.random(), watchBackoff))
    }
  }
}

function query(options: { fieldSelector?: string }, more: Record<string, string | undefined>): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries({ fieldSelector: options.fieldSelector, ...more }))
    if (value !== undefined) params.set(key, value)
  return params.toString()
}

async function listAll<T extends Resource>(options: InformerOptions<T>): Promise<string> {
  const all: T[] = []
  let next: string | undefined
  let first: string | undefined
  for (;;) {
    const search = query(options, { limit: String(pageSize), continue: next })
    const response = await options.send(`${options.path}?${search}`, { headers: { accept: 'application/json' }, signal: options.signal })
    const page = (await response.json()) as ListAnswer<T>
    all.push(...page.items)
    next = page.metadata.continue || undefined
    options.onList([...all], next === undefined)
    // Watching from the first page's version repeats what changed while the others were read, and misses nothing.
    first ??= page.metadata.resourceVersion
    if (next === undefined) return first
  }
}

async function watchFrom<T extends Resource>(
  options: InformerOptions<T>,
  resourceVersion: string,
  onProgress: (resourceVersion: string) => void,
): Promise<void> {
  const { clock } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const search = query(options, { watch: 'true', resourceVersion, allowWatchBookmarks: 'true' })
  const response = await options.send(`${options.path}?${search}`, { headers: { accept: 'application/json' }, signal })
  if (!response.body) throw failureFromStatus(502, undefined)
  options.onState({ phase: 'live' })
  const rearm = () => clock.setTimer(idleMs, () => stop.abort(new Error('the watch went silent')))
  let idle = rearm()
  try {
    for await (const event of readNdjson(response.body)) {
      idle.cancel()
      idle = rearm()
      const { type, object } = event as { type: string; object: T & { code?: number } }
      if (type === 'ERROR') throw failureFromStatus(object.code ?? 500, object)
      if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') options.onEvent(type, object)
      if (object.metadata.resourceVersion) onProgress(object.metadata.resourceVersion)
    }
  } finally {
    idle.cancel()
    stop.abort()
  }
}

/** Waits, or less when something says that it is worth trying at once. */
async function waitOrWake(
  { clock, signal, onWake }: Pick<InformerOptions<never>, 'clock' | 'signal' | 'onWake'>,
  delayMs: number,
): Promise<void> {
  const early = new AbortController()
  const stopListening = onWake?.(() => early.abort())
  try {
    // Both ways of ending early are as good as the end of the wait: the caller looks at its own signal.
    await waitFor(clock, delayMs, AbortSignal.any([signal, early.signal])).catch(() => undefined)
  } finally {
    stopListening?.()
  }
}
