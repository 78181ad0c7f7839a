// The preflight of this machine on the terminal: each row as it arrives, then the sum.
import type { PreflightRow, PreflightSummary } from '#shared/contract/preflight.ts'
import type { Task } from '#shared/contract/task.ts'
import { paint } from '../paint.ts'
import { pollUntil } from '../poll.ts'
import { type AdminApi, kindPath } from './admin-api.ts'

const limitMs = 180_000
const finalStates = ['Succeeded', 'Failed', 'Canceled', 'TimedOut']

interface PreflightResult {
  rows?: PreflightRow[]
  summary?: PreflightSummary
}

/** Prints the rows of the machine's newest preflight until it has ended. On a restart that is one from before: only its sum is shown. */
export async function showPreflight(api: AdminApi, machineName: string, print: (line: string) => void, sinceMs: number): Promise<void> {
  // By id, not by place: the rows arrive as their checks end, and the result at the end is in the order of the list.
  const shown = new Set<string>()
  await pollUntil('the preflight to finish', limitMs, async () => {
    const task = await newestPreflight(api, machineName)
    if (!task) return false
    const { rows = [], summary } = (task.status?.result ?? {}) as PreflightResult
    const isOld = task.status?.finishedAt !== undefined && Date.parse(task.status.finishedAt) < sinceMs
    for (const row of isOld ? [] : rows) {
      if (shown.has(row.id)) continue
      shown.add(row.id)
      print(formatRow(row))
    }
    if (!task.status || !finalStates.includes(task.status.state)) return false
    const sum = summary
      ? `${summary.pass} passed, ${summary.fail} failed, ${summary.warn} warnings, ${summary.unknown} unknown, ${summary.skipped} skipped`
      : `${task.status.state}: ${task.status.message ?? task.status.reason ?? 'no result'}`
    print(`Preflight of ${machineName}${isOld ? ` (${task.status.finishedAt})` : ''}: ${sum}`)
    return true
  })
}

async function newestPreflight(api: AdminApi, machineName: string): Promise<Task | undefined> {
  const selector = encodeURIComponent(`spec.machine=${machineName}`)
  const { items } = await api.get<{ items: Task[] }>(`${kindPath}/tasks?fieldSelector=${selector}`)
  return items
    .filter(({ spec }) => spec.action === 'preflight')
    .sort((a, b) => Date.parse(String(a.metadata.creationTimestamp)) - Date.parse(String(b.metadata.creationTimestamp)))
    .at(-1)
}

const labels = { pass: 'ok', fail: 'FAIL', unknown: '?', skipped: 'skip' } as const
const colors = { pass: paint.green, fail: paint.red, unknown: paint.yellow, skipped: paint.dim } as const

function formatRow(row: PreflightRow): string {
  const isWarning = row.outcome === 'fail' && row.severity !== 'error'
  const label = (isWarning ? 'warn' : labels[row.outcome]).padEnd(5)
  const color = isWarning ? paint.yellow : colors[row.outcome]
  const detail = row.outcome === 'fail' ? `${row.observed} (expected ${row.expected})` : row.observed
  return `  ${color(label)} ${row.id.padEnd(34)} ${oneLine(detail)}`
}

/** What an agent reports is shown on a terminal: control characters are taken out. */
function oneLine(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ')
  return clean.length > 110 ? `${clean.slice(0, 109)}…` : clean
}
