// What a terminal shows of the rows, and the exit code.
import type { PreflightRow, PreflightSummary } from '#shared/contract/preflight.ts'
import type { PreflightReport } from './run.ts'

const colors = { red: 31, yellow: 33, green: 32, gray: 90, magenta: 35 } as const
type Color = keyof typeof colors

interface Word {
  text: string
  color: Color
}

/** One word that says how the row stands; an unknown is never shown as something harmless. */
export function verdict({ outcome, severity }: Pick<PreflightRow, 'outcome' | 'severity'>): Word {
  if (outcome === 'pass') return { text: 'ok', color: 'green' }
  if (outcome === 'skipped') return { text: 'skipped', color: 'gray' }
  if (outcome === 'unknown') return { text: 'UNKNOWN', color: 'magenta' }
  if (severity === 'error') return { text: 'ERROR', color: 'red' }
  return severity === 'warning' ? { text: 'warning', color: 'yellow' } : { text: 'info', color: 'gray' }
}

/** 0 nothing failed, 1 at least one error, 3 at least one check that could not run (an error wins). */
export function exitCode({ fail, unknown }: PreflightSummary): 0 | 1 | 3 {
  if (fail > 0) return 1
  return unknown > 0 ? 3 : 0
}

export function formatSummary({ pass, fail, warn, unknown, skipped }: PreflightSummary): string {
  return `${pass} ok, ${fail} failed, ${warn} warnings, ${unknown} unknown, ${skipped} skipped`
}

export function formatJson(report: PreflightReport): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/**
 * The rows as text, one block a group. `width` is that of the terminal (at least 40 is assumed). Rows that failed or are unknown also say what
 * was expected and what to do; skipped ones are counted, not listed, unless `all`.
 */
export function formatTable(rows: readonly PreflightRow[], { color = false, width = 100, all = false } = {}): string {
  const listed = rows.filter((row) => all || row.outcome !== 'skipped')
  const idWidth = Math.min(44, Math.max(8, ...listed.map(({ id }) => id.length)))
  const lines: string[] = []
  for (const group of new Set(listed.map((row) => row.group))) {
    lines.push('', paint(group.toUpperCase(), 'gray', color))
    for (const row of listed) if (row.group === group) lines.push(...formatRow(row, idWidth, Math.max(40, width), color))
  }
  return `${lines.slice(1).join('\n')}\n`
}

function formatRow(row: PreflightRow, idWidth: number, width: number, color: boolean): string[] {
  const word = verdict(row)
  const indent = 10 + idWidth + 2
  const id = row.id.padEnd(idWidth)
  const observed = wrap(row.observed + (row.ignored ? ' (ignored)' : ''), width - indent)
  const lines = [
    `${paint(word.text.padEnd(9), word.color, color)} ${id}  ${observed[0] ?? ''}`,
    ...observed.slice(1).map((line) => ' '.repeat(indent) + line),
  ]
  if (row.outcome !== 'fail' && row.outcome !== 'unknown') return lines
  const more = (label: string, text: string) =>
    wrap(`${label}: ${text}`, width - 12).map((line) => ' '.repeat(12) + paint(line, 'gray', color))
  return [...lines, ...(row.expected ? more('expected', row.expected) : []), ...(row.remedy ? more('do', row.remedy) : [])]
}

/** Breaks at spaces; a longer word keeps its line to itself. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > Math.max(20, width)) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line)
  }
  return lines
}

function paint(text: string, color: Color, isOn: boolean): string {
  return isOn ? `\u001b[${colors[color]}m${text}\u001b[0m` : text
}
