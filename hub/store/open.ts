// The store: a writer thread that owns the database, and this process's replica of its objects.
import type { Clock } from '#shared/clock/clock.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Log } from '#shared/log/log.ts'
import { firstBadRow } from './audit-chain.ts'
import type { WireOp } from './commands.ts'
import { BusyError, StorageError } from './errors.ts'
import { objectText } from './object-text.ts'
import { createReplica } from './replica.ts'
import type { ApplyEventsResult, AuditRow, Store, TaskLogRow, WriteOp } from './types.ts'
import { flattenEvents } from './wire-events.ts'
import { type QueueLimits, startWriter } from './writer-client.ts'
import type { LogLimits } from './writer/objects.ts'

export interface OpenStoreOptions {
  path: string
  log: Log
  clock: Clock
  /** For fault tests: names as shared/flow/failpoint.ts has them; the process is killed there. */
  failpoints?: string
  /** Bounds of the change log on disk and in memory. */
  logLimits?: LogLimits
  queueLimits?: QueueLimits
  /** The writer died; nothing can be written any more. Default: logged. */
  onFatal?(error: Error): void
}

/** Throws OperatorError when the database is in use, damaged, foreign or newer. */
export async function openStore({ path, log, clock, failpoints, logLimits, queueLimits, onFatal }: OpenStoreOptions): Promise<Store> {
  const replica = createReplica((error) => log.error({ err: error }, 'a subscriber of the store failed'), logLimits)
  const logListeners = new Set<(taskUid: string) => void>()
  const auditListeners = new Set<() => void>()
  /** Last known per agent, for answers that could not ask the writer. */
  const committed = new Map<string, number>()

  const writer = await startWriter(
    { path, failpoints, logLimits },
    {
      onLoad(message) {
        if (message.type === 'load') replica.load(message.rows)
        else if (message.type === 'log') replica.loadLog(message.rows)
        else replica.ready(message.version, message.compacted)
      },
      onGroup(group) {
        const written = new Map<number, Resource>()
        for (const change of group.changes) written.set(change.version, replica.apply(change))
        for (const reply of group.replies) if (reply.versions) reply.value = reply.versions.map((version) => written.get(version))
        for (const { fields, message } of group.warnings) log.warn(fields, message)
        for (const taskUid of new Set(group.loggedTasks)) for (const listener of logListeners) listener(taskUid)
        if (group.hasAudit) for (const listener of auditListeners) listener()
      },
      onFatal(error) {
        log.error({ err: error }, 'the writer of the database failed; the hub must be restarted')
        onFatal?.(error)
      },
    },
    queueLimits,
  )

  function listen<T>(listeners: Set<T>, listener: T): { close(): void } {
    listeners.add(listener)
    return { close: () => void listeners.delete(listener) }
  }

  async function applyEvents(agentId: string, events: Parameters<Store['applyEvents']>[1]): Promise<ApplyEventsResult> {
    const now = clock.now()
    const flat = flattenEvents(events, now)
    const known = committed.get(agentId) ?? 0
    if ('invalid' in flat) return { committedSequence: known, refused: 'Invalid', message: flat.invalid }
    try {
      const command = { type: 'events', agentId, events: flat.events, payload: flat.payload, now: now.toISOString() } as const
      const result = (await writer.send(command, flat.payload.byteLength + events.length * 200)) as ApplyEventsResult
      committed.set(agentId, result.committedSequence)
      return result
    } catch (error) {
      // Not acknowledged: the agent keeps the events and sends them again.
      if (error instanceof BusyError || error instanceof StorageError)
        return { committedSequence: known, refused: 'Busy', message: error.message }
      throw error
    }
  }

  async function verifyAudit(): ReturnType<Store['verifyAudit']> {
    let last = { id: 0, hash: '' }
    const head = (await writer.send({ type: 'auditHead' }, 0)) as { id: number; hash: string }
    for (;;) {
      // In pages, so that neither the writer nor this thread is held for long.
      const rows = (await writer.send({ type: 'audit', afterId: last.id, limit: 500 }, 0)) as AuditRow[]
      const firstBadId = firstBadRow(rows, last)
      if (firstBadId !== undefined) return { ok: false, rows: last.id, firstBadId }
      const end = rows.at(-1)
      if (!end) break
      last = { id: end.id, hash: end.hash }
      if (last.id === head.id && last.hash !== head.hash) return { ok: false, rows: last.id, firstBadId: last.id }
    }
    return last.id < head.id ? { ok: false, rows: last.id, firstBadId: last.id + 1 } : { ok: true, rows: last.id }
  }

  return {
    async transact(ops) {
      if (ops.length === 0) return []
      const wire = ops.map(wireOp)
      const bytes = wire.reduce((sum, op) => sum + (op.op === 'delete' ? 100 : op.text.tail.length), 0)
      return (await writer.send({ type: 'transact', ops: wire }, bytes)) as Resource[]
    },
    get: replica.get,
    list: replica.list,
    json: replica.json,
    currentResourceVersion: replica.version,
    subscribe: replica.subscribe,
    applyEvents,
    committedSequence: async (agentId) => (await writer.send({ type: 'committedSequence', agentId }, 0)) as number,
    async appendTaskLog(taskUid, attempt, rows) {
      // Plain byte arrays cross the thread boundary; a Buffer may be a view of a pool that holds other secrets.
      const wire = rows.map(({ at, stream, data }) => ({ at, stream, data: new Uint8Array(data) }))
      const bytes = wire.reduce((sum, { data }) => sum + data.byteLength + 100, 0)
      return (await writer.send({ type: 'appendTaskLog', taskUid, attempt, rows: wire }, bytes)) as number
    },
    async taskLog(taskUid, attempt, since, limitBytes) {
      const rows = (await writer.send({ type: 'taskLog', taskUid, attempt, since, limitBytes }, 0)) as TaskLogRow[]
      // Buffers cross the thread boundary as plain byte arrays.
      return rows.map((row) => ({ ...row, data: Buffer.from(row.data.buffer, row.data.byteOffset, row.data.byteLength) }))
    },
    onTaskLog: (listener) => listen(logListeners, listener),
    appendAudit: async (entry) => (await writer.send({ type: 'appendAudit', entry }, 500)) as AuditRow,
    audit: async (afterId, limit) => (await writer.send({ type: 'audit', afterId, limit }, 0)) as AuditRow[],
    verifyAudit,
    onAudit: (listener) => listen(auditListeners, listener),
    getSetting: async (key) => (await writer.send({ type: 'getSetting', key }, 0)) as string | undefined,
    putSetting: async (key, value) => void (await writer.send({ type: 'putSetting', key, value }, value.length)),
    queuedWrites: writer.queued,
    backup: writer.backup,
    close: writer.close,
  }
}

function wireOp(op: WriteOp): WireOp {
  const expected =
    'expectedResourceVersion' in op && op.expectedResourceVersion !== undefined ? Number(op.expectedResourceVersion) : undefined
  if (op.op === 'delete') return { op: 'delete', kind: op.kind, name: op.name, uid: op.uid, expected }
  const { kind, metadata } = op.object
  const object = { kind, name: metadata.name, uid: metadata.uid ?? '', text: objectText(op.object) }
  return op.op === 'create' ? { op: 'create', ...object } : { op: 'update', ...object, expected }
}
