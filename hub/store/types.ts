// What the store offers to the rest of the hub. Nothing here assumes that the reader shares a process with the writer:
// writes are asynchronous and durable when they resolve; reads come from a replica that follows the change log.
import type { Resource } from '#shared/contract/meta.ts'
import type { Event } from '#proto/moorline/v1/control.ts'

export type WriteOp =
  | { op: 'create'; object: Resource }
  /** Replaces the whole stored object. Without expectedResourceVersion the write is unconditional. */
  | { op: 'update'; object: Resource; expectedResourceVersion?: string }
  | { op: 'delete'; kind: string; name: string; uid?: string; expectedResourceVersion?: string }

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** resourceVersion of this change; one counter over all kinds. */
  resourceVersion: number
  kind: string
  name: string
  /** The object after the change (before it, for DELETED, with this resourceVersion in its metadata). */
  object: Resource
  /** The object before it, for selectors: an object that leaves a selector is DELETED for that watcher. */
  previous?: Resource
}

export interface AuditEntry {
  at: string
  user: string
  verb: string
  resource: string
  name: string
  decision: 'allow' | 'deny'
  /** HTTP status or CamelCase reason. */
  result: string
  remoteAddress: string
  detail?: string
}
export interface AuditRow extends AuditEntry {
  id: number
  previousHash: string
  hash: string
}

export interface TaskLogRow {
  taskUid: string
  attempt: number
  sequence: number
  at: string
  stream: string
  data: Buffer
}

export interface NewTaskLogRow {
  at: string
  /** stdout, stderr or system */
  stream: string
  data: Uint8Array
}

export interface ApplyEventsResult {
  committedSequence: number
  /** Set when nothing was applied. */
  refused?: 'Gap' | 'Invalid' | 'Busy'
  message?: string
}

export interface Store {
  /** Atomic and durable: all or none. Resolves after commit and after this process's replica has applied it. Throws ConflictError, AlreadyExistsError, NotFoundError. Returns the written objects in order (the last state, for delete). */
  transact(ops: readonly WriteOp[]): Promise<Resource[]>
  /** Objects from get, list and subscribe are frozen: they are shared by every reader. */
  get(kind: string, name: string): Resource | undefined
  /** All of a kind in order of name, with the resourceVersion the list stands for. */
  list(kind: string): { items: Resource[]; resourceVersion: number }
  /** JSON text of an object as stored, without another stringify. */
  json(object: Resource): string
  currentResourceVersion(): number
  /** Changes after `resourceVersion`, then live. Throws TooOldError when the log does not reach back that far. The callback is called in order, synchronously after the replica has applied the change. */
  subscribe(kind: string | '*', resourceVersion: number, onChange: (change: Change) => void): { close(): void }

  /** One transaction: task states, results, log chunks and the agent's last sequence. Events at or below the last sequence are skipped. */
  applyEvents(agentId: string, events: readonly Event[]): Promise<ApplyEventsResult>
  committedSequence(agentId: string): Promise<number>
  /** Rows for the log of a task that the hub performs itself, in order, durable when it resolves: the size of the log then. Nothing is written for a task that is gone. */
  appendTaskLog(taskUid: string, attempt: number, rows: readonly NewTaskLogRow[]): Promise<number>
  /** Log rows of a task attempt after `sinceSequence`, at most `limitBytes`. */
  taskLog(taskUid: string, attempt: number, sinceSequence: number, limitBytes: number): Promise<TaskLogRow[]>
  /** Called after each commit that added log rows. */
  onTaskLog(listener: (taskUid: string) => void): { close(): void }

  appendAudit(entry: AuditEntry): Promise<AuditRow>
  audit(afterId: number, limit: number): Promise<AuditRow[]>
  verifyAudit(): Promise<{ ok: boolean; rows: number; firstBadId?: number }>
  onAudit(listener: () => void): { close(): void }

  /** Small durable values of the hub itself: revoked serials, the order of keys. Never a secret. */
  getSetting(key: string): Promise<string | undefined>
  putSetting(key: string, value: string): Promise<void>

  /** Writes waiting for the writer: 0 when idle. */
  queuedWrites(): number
  backup(toPath: string, onProgress?: (fraction: number) => void): Promise<void>
  close(): Promise<void>
}
