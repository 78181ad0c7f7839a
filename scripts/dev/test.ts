// npm test [-- SUITE…] [--match TITLE] [--verbose]: runs test suites one after the other and closes each with its counts.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureWeb } from '#scripts/build/web.ts'
import { kubectlMinors, kubectlPath } from './kubectl.ts'
import { paint } from './paint.ts'
import { repositoryRoot } from './root.ts'
import { type Suite, suites } from './suites.ts'
import { createTapReader, filesOf, type TapCounts } from './tap.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { match: { type: 'string', multiple: true, default: [] }, verbose: { type: 'boolean', default: false } },
})

const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) {
  console.error(`There is no test suite ${unknown.join(', ')}. Suites: ${suites.map((suite) => suite.name).join(', ')}`)
  process.exit(2)
}
const chosen = suites.filter((suite) => (positionals.length > 0 ? positionals.includes(suite.name) : suite.isDefault))

/** More than these failing at once is no accident. */
const retriedFilesLimit = 5

/** A file that gets the text of every failure as well, for whoever runs many suites and sees only the end of what they print. */
const report = process.env.MOORLINE_TEST_REPORT
const toReport = (text: string): void => {
  if (report !== undefined) appendFileSync(report, `${text}\n`)
}

let isFailed = false
let tested = 0
for (const suite of chosen) {
  const startedMs = performance.now()
  console.log(`\n${suite.name}`)
  const counts = await runSuite(suite)
  tested += counts.passed + counts.failed
  if (counts.failed > 0) isFailed = true
  console.log(paint.dim(`${suite.name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`))
  console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`)
}
if (values.match.length > 0 && tested === 0) {
  console.error(`No test matches ${values.match.join(', ')}.`)
  isFailed = true
}
process.exit(isFailed ? 1 : 0)

async function runSuite(suite: Suite): Promise<TapCounts> {
  const files = await testFiles(suite.name)
  if (files.length === 0) {
    console.log(`test/${suite.name} has no test files`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  // Before anything else runs: a program that is still being written by one process cannot be started by another.
  for (const minor of kubectlMinors) await kubectlPath(minor)
  if (suite.hasBrowser) await ensureWeb((line) => console.log(line))
  if (suite.name !== 'machines') return runTwice(suite, files)
  const { startTestBed } = await import('#test/machines/bed/for-tests.ts')
  const bed = await startTestBed((line) => console.log(paint.dim(line)))
  try {
    return await runTwice(suite, files, bed.prefix)
  } finally {
    await bed.release()
  }
}

async function runTwice(suite: Suite, files: readonly string[], prefix: readonly string[] = []): Promise<TapCounts> {
  const first = await runFiles(suite, files, prefix)
  const again = filesOf(first.failures, files)
  if (first.counts.failed === 0 || first.isCutShort || again === undefined || again.length > retriedFilesLimit) return first.counts
  // A shared machine can be too busy for a limit. What fails twice has failed; what passes alone is said, so that it gets mended.
  console.log(`once more, one test at a time: ${again.join(', ')}`)
  const second = await runFiles({ ...suite, concurrency: 1, isSerial: true }, again, prefix)
  if (second.counts.failed > 0) return { ...first.counts, failed: second.counts.failed }
  for (const title of first.failures) {
    console.log(paint.yellow(`unsteady: ${title}`))
    toReport(`${suite.name}: passed alone: ${title}`)
  }
  return { ...first.counts, passed: first.counts.passed + first.counts.failed, failed: 0 }
}

interface Run {
  counts: TapCounts
  /** Titles. */
  failures: string[]
  /** Nothing happened for as long as the suite allows: the files that had not begun yet did not run. */
  isCutShort: boolean
}

/** `prefix` is what the test runner is started by, for example to be in another network namespace. */
async function runFiles(suite: Suite, files: readonly string[], prefix: readonly string[]): Promise<Run> {
  const args = ['--tap', '--concurrency', String(suite.concurrency), '--timeout', suite.timeout]
  if (suite.isSerial) args.push('--serial')
  for (const title of values.match) args.push('--match', title)
  const [program = '', ...words] = [...prefix, join(repositoryRoot, 'node_modules/.bin/ava'), ...args, ...files]
  const child = spawn(program, words, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FORCE_COLOR: '0' },
  })
  let done = 0
  let isCutShort = false
  const failures: string[] = []
  const reader = createTapReader({
    onTest(title, isPassed) {
      done++
      if (!isPassed) failures.push(title)
      if (values.verbose) console.log(`  ${isPassed ? paint.green('✔') : paint.red('✖')} ${title}`)
    },
    onFailure(text) {
      console.log(paint.red(text))
      if (text.includes('no new tests completed within')) isCutShort = true
      toReport(`${suite.name}: ${text}`)
    },
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => reader.push(text))
  const progress = setInterval(() => console.log(paint.dim(`  … ${done} tests done in ${suite.name} (${files.length} files)`)), 15_000)
  const isSuccess = await new Promise<boolean>((resolve) => child.once('close', (code) => resolve(code === 0)))
  clearInterval(progress)
  const counts = reader.end(isSuccess)
  // With --match most files have nothing to run, which ava reports as a failure of the file.
  const isNothing = values.match.length > 0 && counts.passed === 0 && done === 0
  return { counts: isNothing ? { passed: 0, failed: 0, skipped: counts.skipped } : counts, failures, isCutShort }
}

async function testFiles(suite: string): Promise<string[]> {
  const folder = join(repositoryRoot, 'test', suite)
  if (!existsSync(folder)) return []
  const files: string[] = []
  for await (const file of glob('**/*.test.ts', { cwd: folder })) files.push(join('test', suite, file))
  return files.sort()
}
