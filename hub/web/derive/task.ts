// What the pages say about a task, and how a preflight result is read: it comes from a machine, so nothing about its shape is taken for granted.
import type { Condition } from '#shared/contract/meta.ts'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import type { Task, TaskStateName } from '#shared/contract/task.ts'

export const taskStateOrder = [
  'Running',
  'Delivered',
  'Pending',
  'Failed',
  'TimedOut',
  'Canceled',
  'Succeeded',
] as const satisfies TaskStateName[]

export function taskState(task: Task): TaskStateName {
  return task.status?.state ?? 'Pending'
}
export function isFinished(task: Task): boolean {
  return ['Succeeded', 'Failed', 'Canceled', 'TimedOut'].includes(taskState(task))
}
export function isBadEnd(task: Task): boolean {
  return ['Failed', 'TimedOut'].includes(taskState(task))
}

/** Who is waited for, since when, until when, and what happens then: the hub says it of every task that has not ended. */
export function waitingOf(task: Task): Condition | undefined {
  return task.status?.conditions?.find(({ type, status }) => type === 'Waiting' && status === 'True')
}

export function createdAt(object: { metadata: { creationTimestamp?: string | null } }): string {
  return object.metadata.creationTimestamp ?? ''
}

export function newestFirst(tasks: readonly Task[]): Task[] {
  return [...tasks].sort((a, b) => createdAt(b).localeCompare(createdAt(a)) || b.metadata.name.localeCompare(a.metadata.name))
}

/** How long it ran, or runs; undefined before it started. */
export function runMs(task: Task, now: Date): number | undefined {
  const { startedAt, finishedAt } = task.status ?? {}
  if (!startedAt) return undefined
  return (finishedAt ? Date.parse(finishedAt) : now.getTime()) - Date.parse(startedAt)
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
const oneOf = <T extends string>(value: unknown, allowed: readonly T[], otherwise: T): T =>
  allowed.includes(value as T) ? (value as T) : otherwise

/** The rows in a preflight's result; empty when it has none (yet). A row that says nothing known counts as unknown, never as passed. */
export function preflightRows(result: unknown): PreflightRow[] {
  const rows = isRecord(result) ? result.rows : result
  if (!Array.isArray(rows)) return []
  return rows.filter(isRecord).map((row) => {
    const appliesTo = isRecord(row.appliesTo) ? row.appliesTo : {}
    return {
      id: text(row.id),
      severity: oneOf(row.severity, ['error', 'warning', 'info'], 'error'),
      outcome: oneOf(row.outcome, ['pass', 'fail', 'unknown', 'skipped'], 'unknown'),
      observed: text(row.observed),
      expected: text(row.expected),
      source: text(row.source),
      remedy: text(row.remedy),
      appliesTo: { roles: Array.isArray(appliesTo.roles) ? appliesTo.roles.map(text) : [], kubernetes: text(appliesTo.kubernetes) },
      group: text(row.group),
      ignored: row.ignored === true,
      durationMs: typeof row.durationMs === 'number' ? row.durationMs : undefined,
    }
  })
}

/** One word per row for sorting and filtering: what an operator looks for first comes first. */
export const rowVerdicts = ['failed', 'warning', 'unknown', 'passed', 'skipped'] as const
export type RowVerdict = (typeof rowVerdicts)[number]

export function rowVerdict(row: PreflightRow): RowVerdict {
  if (row.outcome === 'fail') return row.severity === 'error' && !row.ignored ? 'failed' : 'warning'
  if (row.outcome === 'unknown') return 'unknown'
  return row.outcome === 'pass' ? 'passed' : 'skipped'
}

/** Enough of facts to be shown as such. */
export function isFacts(result: unknown): boolean {
  if (!isRecord(result)) return false
  const lists = [result.disks, result.nics, result.routes, result.resolvers]
  return lists.every(Array.isArray) && [result.os, result.cpu, result.memory].every(isRecord)
}
