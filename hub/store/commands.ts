// What goes between the hub's main thread and the writer thread. Plain data: strings, numbers, one transferred buffer per batch of events.
import type { AuditEntry, Change, NewTaskLogRow } from './types.ts'
import type { WireError } from './errors.ts'
import type { ObjectText } from './object-text.ts'

export type WireOp =
  | { op: 'create'; kind: string; name: string; uid: string; text: ObjectText }
  | { op: 'update'; kind: string; name: string; uid: string; text: ObjectText; expected?: number }
  | { op: 'delete'; kind: string; name: string; uid?: string; expected?: number }

/** `value` by type: output = stream, progress and finished = message. `start` and `end` cut the payload out of the batch's buffer. */
export interface WireEvent {
  sequence: number
  taskUid: string
  attempt: number
  at: string
  type: 'started' | 'output' | 'progress' | 'row' | 'finished' | 'gap' | 'unknown'
  text: string
  state: string
  reason: string
  /** percent, or events dropped */
  count: number
  start: number
  end: number
}

export type Command =
  | { type: 'transact'; ops: WireOp[] }
  | { type: 'events'; agentId: string; events: WireEvent[]; payload: Uint8Array; now: string }
  | { type: 'appendTaskLog'; taskUid: string; attempt: number; rows: NewTaskLogRow[] }
  | { type: 'appendAudit'; entry: AuditEntry }
  | { type: 'putSetting'; key: string; value: string }
  | { type: 'getSetting'; key: string }
  | { type: 'committedSequence'; agentId: string }
  | { type: 'taskLog'; taskUid: string; attempt: number; since: number; limitBytes: number }
  | { type: 'audit'; afterId: number; limit: number }
  | { type: 'auditHead' }

export interface WireChange {
  type: Change['type']
  version: number
  kind: string
  name: string
  json: string
}

export interface Warning {
  fields: Record<string, unknown>
  message: string
}

export type ToWriter =
  | { type: 'group'; commands: { id: number; command: Command }[] }
  | { type: 'backup'; id: number; toPath: string }
  | { type: 'close' }

export interface Reply {
  id: number
  error?: WireError
  value?: unknown
  /** Of a transact: the versions it wrote, in the order of its operations. The objects are in the group's changes. */
  versions?: number[]
}

export type FromWriter =
  | { type: 'load'; rows: WireChange[] }
  | { type: 'log'; rows: WireChange[] }
  | { type: 'ready'; version: number; compacted: number }
  | { type: 'refused'; code: string; message: string; next: string }
  | { type: 'group'; changes: WireChange[]; replies: Reply[]; loggedTasks: string[]; hasAudit: boolean; warnings: Warning[] }
  | { type: 'progress'; id: number; fraction: number }
  | { type: 'reply'; reply: Reply }
  | { type: 'closed' }
