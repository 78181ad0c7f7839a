// The habits of this code that a machine can check, one rule a line. Each rule finds line numbers (from 1) in one file.
import { isProduct, type SourceFile } from './sources.ts'

export interface Habit {
  name: string
  /** Said with every finding. */
  instead: string
  appliesTo(path: string): boolean
  find(text: string): number[]
}

/** Time, randomness and environment come in as arguments, except where a process is put together. */
const isPure = (path: string): boolean =>
  isProduct(path) && !/^(hub|agent)\/[^/]+\.ts$|\/config\/|^shared\/clock\/|^hub\/web\/|^(hub|agent)\/(cli|commands)\//.test(path)

const isTest = (path: string): boolean => /^test\/.*\.test\.ts$/.test(path)
const everywhere = (path: string): boolean => !/^scripts\/check\/habits\.ts$|^test\/repo\/habits\.test\.ts$/.test(path)

export const habits: readonly Habit[] = [
  { name: 'wall time', instead: 'take a Clock', appliesTo: isPure, find: inCode(/\bDate\.now\(|\bnew Date\(\)/) },
  { name: 'timers', instead: 'take a Clock', appliesTo: isPure, find: inCode(/\bset(Timeout|Interval)\(|node:timers/) },
  { name: 'environment', instead: 'read it in main.ts or config/', appliesTo: isPure, find: inCode(/\bprocess\.env\b/) },
  { name: 'randomness', instead: 'take random: () => number', appliesTo: isPure, find: inCode(/\bMath\.random\(/) },
  { name: 'console', instead: 'take a Log', appliesTo: isPure, find: inCode(/\bconsole\.\w+\(/) },
  { name: 'unfinished work', instead: 'finish it or take it out', appliesTo: everywhere, find: inText(/\b(TODO|FIXME|XXX|HACK)\b/) },
  {
    name: 'silent catch',
    instead: 'handle it, pass it on, or say in the block why nothing is to be done',
    appliesTo: everywhere,
    find: silentCatches,
  },
  {
    name: 'paths of one machine',
    instead: 'derive it or take it as an argument',
    appliesTo: everywhere,
    find: inText(/(^|[\s'"`(=])\/(work|home\/\w+|Users)\//),
  },
  {
    name: 'sleeping tests',
    instead: 'wait for a condition with until()',
    appliesTo: isTest,
    find: inCode(/\bsetTimeout\(|\bdelay\(\d|\bsleep\(/),
  },
  { name: 'only', instead: 'run one test with --match', appliesTo: isTest, find: inCode(/\btest(\.serial)?\.only\(/) },
  {
    name: 'silenced checks',
    instead: 'correct what the check names',
    appliesTo: everywhere,
    find: inText(/@ts-(ignore|nocheck)|oxlint-disable(?!-next-line [\w/-]+ --)/),
  },
]

export function checkHabits({ path, text }: SourceFile): string[] {
  return habits
    .filter((habit) => habit.appliesTo(path))
    .flatMap((habit) => habit.find(text).map((line) => `${path}:${line} ${habit.name}: ${habit.instead}`))
}

/** `catch {}` always; `.catch(() => undefined)` when no comment on its line or the one above says why. */
function silentCatches(text: string): number[] {
  const lines = text.split('\n')
  const hasReason = (line: number) => /\/\/ |\*\//.test(`${lines[line - 2]?.trimStart().startsWith('//') ? '// ' : ''}${lines[line - 1]}`)
  const dropped = inText(/\.catch\(\s*(\(\w*\)|\w+)\s*=>\s*(\{\s*\}|undefined|null)\s*\)/)(text)
  return [...inText(/\bcatch\s*(\([^)]*\))?\s*\{\s*\}/)(text), ...dropped.filter((line) => !hasReason(line))]
}

function inText(pattern: RegExp): Habit['find'] {
  return (text) => [...text.matchAll(new RegExp(pattern, 'gm'))].map((match) => text.slice(0, match.index).split('\n').length)
}

/** Comments are blanked, so that prose may name what code may not use. */
function inCode(pattern: RegExp): Habit['find'] {
  const find = inText(pattern)
  return (text) =>
    find(text.replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1').replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')))
}
