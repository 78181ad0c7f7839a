// Rows for requests to clusters: who, what, where, how it ended. Writes, upgrades and refusals have a row each. Reads of one user
// that are alike have one a minute with the number of those between: a client that polls must not fill the disk.
import type { Clock } from '#shared/clock/clock.ts'
import type { Store } from '#hub/store/types.ts'
import type { RequestInfo } from './target.ts'

export interface ProxyRow {
  user: string
  cluster: string
  info: RequestInfo
  method: string
  path: string
  /** HTTP status or one word. */
  result: string
  isDenied?: boolean
  remoteAddress: string
}

const windowMs = 60_000
const maxWindows = 20_000
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options'])

export function createProxyAudit(store: Store, clock: Clock): (row: ProxyRow) => Promise<void> {
  const windows = new Map<string, { endsAtMs: number; left: number }>()

  /** Undefined: not this time. Else how many like it were not written. */
  function skippedBefore({ user, cluster, info, result }: ProxyRow): number | undefined {
    const key = JSON.stringify([user, cluster, info.verb, info.resource, result])
    const nowMs = clock.monotonicMs()
    const known = windows.get(key)
    if (known && nowMs < known.endsAtMs) {
      known.left += 1
      return undefined
    }
    windows.delete(key)
    windows.set(key, { endsAtMs: nowMs + windowMs, left: 0 })
    if (windows.size > maxWindows) windows.delete(windows.keys().next().value as string)
    return known?.left ?? 0
  }

  return async (row) => {
    const skipped = reads.has(row.info.verb) && row.isDenied !== true ? skippedBefore(row) : 0
    if (skipped === undefined) return
    await store.appendAudit({
      at: clock.now().toISOString(),
      user: row.user,
      verb: row.info.verb,
      resource: 'Cluster/proxy',
      name: row.cluster,
      decision: row.isDenied === true ? 'deny' : 'allow',
      result: row.result,
      remoteAddress: row.remoteAddress,
      detail: `${describe(row)}${skipped > 0 ? `; ${skipped} like it before were not written` : ''}`,
    })
  }
}

export const describe = ({ method, path, info }: Pick<ProxyRow, 'method' | 'path' | 'info'>): string =>
  `${info.resource}: ${method} ${path.slice(0, 768)}`
