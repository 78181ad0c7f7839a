// npm run bench [-- SUITE…] [-- --json]: one table, each row ours beside a peer or a limit measured in the same run.
import { cpus } from 'node:os'
import type { BenchRow, BenchSuite } from './bench/row.ts'

const suites: Readonly<Record<string, () => Promise<{ suite: BenchSuite }>>> = {
  events: () => import('./bench/events.ts'),
  api: () => import('./bench/api.ts'),
  agent: () => import('./bench/agent.ts'),
  fleet: () => import('./bench/fleet.ts'),
  tunnel: () => import('./bench/tunnel.ts'),
}

const args = process.argv.slice(2).filter((arg) => arg !== '--')
const isJson = args.includes('--json')
const names = args.filter((arg) => !arg.startsWith('--'))
for (const name of names)
  if (!(name in suites)) {
    process.stderr.write(`There is no bench suite '${name}'. Use one of: ${Object.keys(suites).join(', ')}.\n`)
    process.exit(2)
  }

const rows: BenchRow[] = []
for (const name of names.length > 0 ? names : Object.keys(suites)) {
  process.stderr.write(`bench: ${name}\n`)
  const { suite } = await (suites[name] as () => Promise<{ suite: BenchSuite }>)()
  rows.push(...(await suite((message) => process.stderr.write(`  ${message}\n`))))
}

if (isJson) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
else process.stdout.write(table(rows))

function table(all: readonly BenchRow[]): string {
  const header = ['what', 'ours', 'beside', 'peer or limit', 'ratio', 'unit']
  const number = (value: number | null) =>
    value === null ? '–' : value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
  const cells = all.map((row) => [
    row.name,
    number(row.ours),
    number(row.peer),
    row.peerName,
    row.ratio === null ? '–' : row.ratio.toFixed(2),
    row.unit,
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((cell) => (cell[column] as string).length)))
  const line = (cell: readonly string[]) => `| ${cell.map((text, column) => text.padEnd(widths[column] as number)).join(' | ')} |\n`
  const cpu = cpus()
  return `${cpu.length} × ${cpu[0]?.model ?? 'unknown processor'}, Node ${process.version}\n\n${line(header)}${line(widths.map((width) => '-'.repeat(width)))}${cells.map(line).join('')}`
}
