import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { createActions } from '#agent/actions/create.ts'
import type { ActionContext } from '#agent/actions/types.ts'
import { openUndoJournal } from '#agent/actions/undo-journal.ts'
import { createHost } from '#agent/host/create.ts'
import type { Host } from '#agent/host/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { ActionName } from '#shared/contract/actions.ts'
import type { Facts } from '#shared/contract/facts.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

export interface Said {
  stdout: string
  stderr: string
  system: string
  rows: object[]
  pids: number[]
  chunks: number[]
}

/** The real actions on the real machine, in a directory of their own. */
export async function actionsFixture(t: ExecutionContext, change: (host: Host) => Partial<Host> = () => ({})) {
  const directory = await tempDir(t)
  const stateDir = join(directory, 'state')
  mkdirSync(stateDir, { mode: 0o700 })
  const real = createHost({ clock: systemClock, environment: process.env })
  const host: Host = { ...real, ...change(real) }
  const actions = createActions({
    host,
    stateDir,
    clock: systemClock,
    log: silentLog,
    async preflight({ onRow }) {
      onRow({ id: 'Swap' } as Parameters<typeof onRow>[0])
      return { rows: [{ id: 'Swap' } as Parameters<typeof onRow>[0]], summary: { pass: 1, fail: 0, warn: 0, unknown: 0, skipped: 0 } }
    },
    facts: async () => ({ hostname: 'here' }) as unknown as Facts,
  })
  let tasks = 0
  const run = async (name: ActionName, input: unknown, { signal = new AbortController().signal, taskUid = `task-${++tasks}` } = {}) => {
    const said: Said = { stdout: '', stderr: '', system: '', rows: [], pids: [], chunks: [] }
    const context: ActionContext = {
      taskUid,
      attempt: 1,
      signal,
      output(stream, data) {
        said[stream] += data.toString()
        said.chunks.push(data.length)
      },
      progress: () => undefined,
      row: (entry) => void said.rows.push(entry),
      beforeSpawn: () => void said.pids.push(0),
      spawned: (pid) => void said.pids.push(pid),
    }
    return { result: (await actions[name].run(input, context)) as Record<string, unknown>, said }
  }
  const undo = () => openUndoJournal({ stateDir, host, clock: systemClock, log: silentLog })
  return { directory, stateDir, host, actions, run, undo }
}
