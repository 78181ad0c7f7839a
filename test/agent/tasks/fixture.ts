// A runner over a real journal, the real actions and the real machine in a temporary directory.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { createActions } from '#agent/actions/create.ts'
import type { Action, Actions } from '#agent/actions/types.ts'
import { createHost } from '#agent/host/create.ts'
import { openJournal } from '#agent/journal/open.ts'
import type { Journal } from '#agent/journal/types.ts'
import type { Policy } from '#agent/tasks/policy.ts'
import { createTaskRunner, type TaskRunner } from '#agent/tasks/runner.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { Facts } from '#shared/contract/facts.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { agentId, createHubDouble, historyOf, type HubDouble } from './hub-double.ts'

export const allowAll: Policy = { allows: () => ({ ok: true }) }

export interface AgentFixture {
  directory: string
  hub: HubDouble
  journal: Journal
  runner: TaskRunner
  actions: Actions
  /** Takes everything the agent has to say and returns what is known of a task. */
  history(taskUid?: string, attempt?: number): ReturnType<typeof historyOf>
  /** The same state directory in a new process's place. */
  restart(): Promise<AgentFixture>
}

export interface FixtureOptions {
  policy?: Policy
  hubTime?: () => Date
  actions?: Partial<Record<keyof Actions, Partial<Action>>>
  maxConcurrent?: number
  maxFileBytes?: number
}

export async function agentFixture(t: ExecutionContext, options: FixtureOptions = {}): Promise<AgentFixture> {
  const directory = await tempDir(t)
  return start(t, directory, createHubDouble(), options)
}

function start(t: ExecutionContext, directory: string, hub: HubDouble, options: FixtureOptions): AgentFixture {
  const stateDir = join(directory, 'state')
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const clock = systemClock
  const journal = openJournal({ path: join(stateDir, 'journal.db'), clock, maxFileBytes: options.maxFileBytes })
  const host = createHost({ clock, environment: process.env })
  const actions = createActions({
    host,
    stateDir,
    clock,
    log: silentLog,
    preflight: async () => ({ rows: [], summary: { pass: 0, fail: 0, warn: 0, unknown: 0, skipped: 0 } }),
    facts: async () => ({}) as Facts,
  })
  for (const [name, changes] of Object.entries(options.actions ?? {})) Object.assign(actions[name as keyof Actions], changes)
  const runner = createTaskRunner({
    journal,
    actions,
    policy: options.policy ?? allowAll,
    agentId,
    signingKeys: () => [hub.publicKey],
    hubTime: options.hubTime ?? (() => new Date()),
    clock,
    log: silentLog,
    maxConcurrent: options.maxConcurrent,
  })
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await runner.stop()
    journal.close()
  }
  t.teardown(stop)
  const history = (taskUid = 'task-1', attempt = 1) => {
    for (;;) {
      const events = journal.pending(1e7, 1_000)
      if (events.length === 0) return historyOf(hub.events, taskUid, attempt)
      journal.acknowledge(hub.take({ events }).committedSequence)
    }
  }
  return {
    directory,
    hub,
    journal,
    runner,
    actions,
    history,
    async restart() {
      await stop()
      const next = start(t, directory, hub, options)
      next.runner.resume()
      return next
    },
  }
}
