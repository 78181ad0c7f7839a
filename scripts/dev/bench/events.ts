// Committed events per second and the time to acknowledgement, beside a bare better-sqlite3 loop that writes the same rows
// in transactions of 100 with the same durability; and the same on a disk whose fsync is slow.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EventFigures } from './events-run.ts'
import { type BenchRow, type BenchSuite, row } from './row.ts'
import { slowFsync } from './slow-fsync.ts'

const loads = [
  [1, 1],
  [10, 10],
  [50, 20],
  [100, 50],
] as const
const slowMs = 5

export const suite: BenchSuite = async (progress) => {
  const directory = mkdtempSync(join(tmpdir(), 'moorline-bench-'))
  const slow = slowFsync(directory, slowMs)
  const run = async (env: Record<string, string>, ...what: readonly (string | number)[]): Promise<EventFigures> => {
    const args = [fileURLToPath(new URL('events-run.ts', import.meta.url)), directory, ...what.map(String)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })
    return JSON.parse(stdout) as EventFigures
  }
  const measure = async (env: Record<string, string>, note: string, some: typeof loads | readonly (typeof loads)[number][]) => {
    progress(`a bare better-sqlite3 loop${note}`)
    const bare = await run(env, 'bare')
    const rows: BenchRow[] = []
    for (const [agents, batch] of some) {
      progress(`${agents} agents, batches of ${batch}${note}`)
      const { perSecond, acknowledge } = await run(env, agents, batch)
      const name = `events committed, ${agents} agents × batches of ${batch}${note}`
      rows.push(row(name, 'events/s', perSecond, `bare better-sqlite3 loop, groups of 100, synchronous=FULL${note}`, bare.perSecond))
      rows.push(row(`${name}: acknowledged p50`, 'ms', acknowledge?.p50 ?? Number.NaN, '', null))
      rows.push(row(`${name}: acknowledged p99`, 'ms', acknowledge?.p99 ?? Number.NaN, '', null))
    }
    return rows
  }
  try {
    const rows = await measure({}, '', loads)
    if (slow) rows.push(...(await measure(slow, `, fsync ${slowMs} ms slower`, loads.slice(-2))))
    else progress('no C compiler: not measured with a slow fsync')
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
