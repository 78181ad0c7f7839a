// A store of its own for each test, and short ways to make objects and events.
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type OpenStoreOptions, openStore } from '#hub/store/open.ts'
import type { Store } from '#hub/store/types.ts'
import type { Event } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import type { Log } from '#shared/log/log.ts'
import { silentLog } from '#shared/log/log.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

export interface TestStore {
  store: Store
  path: string
  /** Closes and opens again; the new one is closed at the end too. */
  reopen(options?: Partial<OpenStoreOptions>): Promise<Store>
}

export async function testStore(t: ExecutionContext, options: Partial<OpenStoreOptions> = {}): Promise<TestStore> {
  const path = join(await tempDir(t), 'hub.db')
  const open = async (more: Partial<OpenStoreOptions> = {}) => {
    const store = await openStore({ path, log: silentLog, clock: systemClock, ...options, ...more })
    t.teardown(() => store.close())
    return store
  }
  let store = await open()
  return {
    store,
    path,
    async reopen(more) {
      await store.close()
      store = await open(more)
      return store
    },
  }
}

export function object(kind: string, name: string, spec: unknown = {}, status?: unknown): Resource {
  return { apiVersion, kind, metadata: { name, uid: `uid-${kind}-${name}` }, spec, ...(status !== undefined && { status }) }
}

/** A machine of agent `agent-NAME` with a delivered task `task-NAME`. */
export async function machineWithTask(store: Store, name: string): Promise<{ agentId: string; taskUid: string; taskName: string }> {
  const agentId = `agent-${name}`
  const taskName = `task-${name}`
  await store.transact([
    { op: 'create', object: object('Machine', name, {}, { agentId }) },
    {
      op: 'create',
      object: object('Task', taskName, { machine: name, action: 'exec', attempt: 1 }, { state: 'Delivered', attempt: 1 }),
    },
  ])
  return { agentId, taskUid: `uid-Task-${taskName}`, taskName }
}

type Body = NonNullable<Event['body']>

export const body = {
  started: { $case: 'started', value: {} },
  output: (text: string): Body => ({ $case: 'output', value: { stream: 'stdout', data: Buffer.from(text) } }),
  progress: (percent: number): Body => ({ $case: 'progress', value: { percent, message: `at ${percent}` } }),
  row: (json: string): Body => ({ $case: 'row', value: { json: Buffer.from(json) } }),
  finished: (state: string, result = ''): Body => ({
    $case: 'finished',
    value: { state, reason: 'Done', message: 'it is done', resultJson: Buffer.from(result) },
  }),
  gap: (droppedEvents: bigint): Body => ({ $case: 'gap', value: { droppedEvents, droppedBytes: 0n } }),
} satisfies Record<string, Body | ((...given: never[]) => Body)>

/** Events numbered from `first`. */
export function events(taskUid: string, first: number, bodies: readonly (Body | undefined)[], attempt = 1): Event[] {
  const at = new Date('2030-01-02T03:04:05Z')
  return bodies.map((one, index) => ({ sequence: BigInt(first + index), taskUid, attempt, at, body: one }))
}

export function collectingLog(): { log: Log; warnings: { fields: Record<string, unknown>; message: string }[] } {
  const warnings: { fields: Record<string, unknown>; message: string }[] = []
  const log: Log = {
    ...silentLog,
    warn: (fields, message) => void warnings.push({ fields: fields as Record<string, unknown>, message }),
    child: () => log,
  }
  return { log, warnings }
}
