// The inbox of agents' events. Runs inside the transaction that group.ts has begun: the events' effects and the agent's last
// sequence number are committed together, so a replay is a no-op and an acknowledgement is never early.
import type { Database } from 'better-sqlite3'
import { limits } from '#shared/contract/limits.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'
import { parseJson } from '#shared/schema/safe-json.ts'
import type { Command, Warning, WireChange, WireEvent } from '../commands.ts'
import { objectText } from '../object-text.ts'
import { foldTaskEvent, type TaskEvent } from '../task-events.ts'
import type { ApplyEventsResult } from '../types.ts'
import type { AuditWriter } from './audit.ts'
import type { ObjectRow, ObjectWriter } from './objects.ts'
import type { OpenLog, TaskLogWriter } from './task-log.ts'

export interface EventsOutcome {
  result: ApplyEventsResult
  changes: WireChange[]
  loggedTasks: string[]
  warnings: Warning[]
  hasAudit: boolean
}

interface OpenTask {
  row: ObjectRow
  task: Task
  status: TaskStatus
  rowBytesLeft: number
  logs: Map<number, OpenLog>
  reported: number
}

/** Why an event was not used. */
type Skipped = 'UnknownTask' | 'ForeignTask' | 'FutureAttempt' | 'BadContent'

export interface EventWriter {
  apply(command: Extract<Command, { type: 'events' }>): EventsOutcome
  committedSequence(agentId: string): number
}

export function createEventWriter(db: Database, parts: { objects: ObjectWriter; logs: TaskLogWriter; audit: AuditWriter }): EventWriter {
  const { objects, logs, audit } = parts
  const getAgent = db.prepare<[string], { sequence: number; acceptsGap: number }>(
    'SELECT sequence, accepts_gap AS acceptsGap FROM agents WHERE agent_id = ?',
  )
  const putAgent = db.prepare(
    'INSERT INTO agents (agent_id, sequence) VALUES (?, ?) ON CONFLICT (agent_id) DO UPDATE SET sequence = excluded.sequence, accepts_gap = 0',
  )
  const agentOf = db
    .prepare<[string], string | null>("SELECT json_extract(json, '$.status.agentId') FROM resources WHERE kind = 'Machine' AND name = ?")
    .pluck()

  /** A task only if this agent is the one that its machine has now. */
  function openTask(uid: string, agentId: string): OpenTask | Skipped {
    const row = objects.byUid('Task', uid)
    if (!row) return 'UnknownTask'
    const task = JSON.parse(row.json) as Task
    if (agentOf.get(task.spec.machine) !== agentId) return 'ForeignTask'
    const status = task.status ?? { state: 'Pending', attempt: task.spec.attempt ?? 1 }
    return { row, task, status, rowBytesLeft: limits.taskResultBytes - row.json.length, logs: new Map(), reported: 0 }
  }

  function applyOne(open: OpenTask, event: WireEvent, payload: Uint8Array): Skipped | undefined {
    const current = open.status.attempt ?? 1
    if (event.attempt > current || event.attempt < 1) return 'FutureAttempt'
    const fold = (taskEvent: TaskEvent) => {
      open.status = foldTaskEvent(open.status, event.attempt, taskEvent)
      return undefined
    }
    const bytes = payload.subarray(event.start, event.end)
    const append = (stream: string, data: Uint8Array) => {
      const log = open.logs.get(event.attempt) ?? logs.open(open.row.uid, event.attempt)
      open.logs.set(event.attempt, log)
      logs.append(log, event.at, stream, data)
    }
    switch (event.type) {
      case 'started':
        return fold({ type: 'started', at: event.at })
      case 'progress':
        return fold({ type: 'progress', percent: event.count, message: event.text })
      case 'output':
        if (bytes.byteLength > limits.outputChunkBytes) return 'BadContent'
        append(event.text === 'stderr' || event.text === 'system' ? event.text : 'stdout', bytes)
        return undefined
      case 'gap':
        append('system', Buffer.from(`[${event.count} events were dropped here: the machine's journal was full]\n`))
        return fold({ type: 'dropped', count: event.count })
      case 'row': {
        const row = readJson(bytes, limits.outputChunkBytes)
        if (!row) return 'BadContent'
        if (event.attempt === current) open.rowBytesLeft -= bytes.byteLength
        return open.rowBytesLeft < 0 ? fold({ type: 'dropped', count: 1 }) : fold({ type: 'row', row: row.value })
      }
      case 'finished': {
        const { at, state, reason, text: message } = event
        const result = bytes.byteLength === 0 ? { value: undefined } : readJson(bytes, limits.taskResultBytes)
        // The state counts even when the result cannot be used.
        if (result) return fold({ type: 'finished', at, state, reason, message, result: result.value })
        fold({ type: 'finished', at, state, reason, message: `${message} (the result could not be read)` })
        return 'BadContent'
      }
      default:
        return 'BadContent'
    }
  }

  function save(open: OpenTask): WireChange | undefined {
    for (const log of open.logs.values()) logs.save(log)
    if (open.status === (open.task.status ?? undefined)) return undefined
    // The size of the log is told when something else changes; a line of output alone is no change of the task.
    const attempt = open.status.attempt ?? 1
    const log = open.logs.get(attempt)
    const status = log ? { ...open.status, logBytes: log.sizeBytes } : open.status
    return objects.replace('Task', open.row, objectText({ ...open.task, status }))
  }

  return {
    committedSequence: (agentId) => getAgent.get(agentId)?.sequence ?? 0,

    apply({ agentId, events, payload, now }) {
      const agent = getAgent.get(agentId) ?? { sequence: 0, acceptsGap: 0 }
      const outcome: EventsOutcome = {
        result: { committedSequence: agent.sequence },
        changes: [],
        loggedTasks: [],
        warnings: [],
        hasAudit: false,
      }
      const fresh = events.filter((event) => event.sequence > agent.sequence)
      const [first] = fresh
      if (!first) return outcome
      if (first.sequence !== agent.sequence + 1) {
        if (!agent.acceptsGap) {
          outcome.result.refused = 'Gap'
          outcome.result.message = `the next event must have sequence ${agent.sequence + 1}, not ${first.sequence}`
          return outcome
        }
        const lost = `${agent.sequence + 1} to ${first.sequence - 1}`
        outcome.warnings.push({ fields: { agentId, lost }, message: 'events were lost by the restore from a backup' })
      }
      const tasks = new Map<string, OpenTask | Skipped>()
      const skipped = new Map<Skipped, { count: number; taskUid: string; sequence: number }>()
      for (const event of fresh) {
        let open = tasks.get(event.taskUid)
        if (open === undefined) tasks.set(event.taskUid, (open = openTask(event.taskUid, agentId)))
        const why = typeof open === 'string' ? open : applyOne(open, event, payload)
        if (!why) continue
        const seen = skipped.get(why)
        if (seen) seen.count++
        else skipped.set(why, { count: 1, taskUid: event.taskUid, sequence: event.sequence })
      }
      for (const open of tasks.values()) {
        if (typeof open === 'string') continue
        const change = save(open)
        if (change) outcome.changes.push(change)
        if (open.logs.size > 0) outcome.loggedTasks.push(open.row.uid)
      }
      for (const [why, seen] of skipped) outcome.warnings.push({ fields: { agentId, why, ...seen }, message: 'events were not used' })
      const foreign = skipped.get('ForeignTask')
      if (foreign) {
        audit.append({
          at: now,
          user: `agent:${agentId}`,
          verb: 'report',
          resource: 'tasks',
          name: foreign.taskUid,
          decision: 'deny',
          result: 'ForeignTask',
          remoteAddress: '',
          detail: `${foreign.count} events about a task of another machine`,
        })
        outcome.hasAudit = true
      }
      const last = fresh.at(-1) ?? first
      putAgent.run(agentId, last.sequence)
      outcome.result.committedSequence = last.sequence
      return outcome
    },
  }
}

function readJson(bytes: Uint8Array, maxBytes: number): { value: unknown } | undefined {
  try {
    return { value: parseJson(bytes, { maxBytes, maxDepth: limits.jsonDepth }) }
  } catch {
    // Counted as BadContent by the caller; the sender is named in the warning.
    return undefined
  }
}
