import test from 'ava'
import { type SourceFile, readSources } from '#scripts/check/sources.ts'
import { agentErrorCatalogue } from '#shared/errors/agent-catalogue.ts'
import { errorCatalogue } from '#shared/errors/catalogue.ts'
import { databaseErrorCatalogue } from '#shared/errors/database-catalogue.ts'
import { dialErrorCatalogue } from '#shared/errors/dial-error.ts'
import { operatorErrorCatalogue } from '#shared/errors/operator-catalogue.ts'
import { taskEndReasons, taskWaitReasons } from '#shared/errors/task-reasons.ts'
import { terminalReasons } from '#shared/errors/terminal-reason.ts'
import { tunnelErrorCatalogue } from '#shared/errors/tunnel-error.ts'

const programs = { agentErrorCatalogue, databaseErrorCatalogue, operatorErrorCatalogue }
const catalogues = {
  errorCatalogue,
  ...programs,
  taskEndReasons,
  taskWaitReasons,
  terminalReasons,
  tunnelErrorCatalogue,
  dialErrorCatalogue,
}

/** Programs that an operator runs; the developers' own checks answer with what they find. */
const isOperators = (path: string) =>
  /^(hub|agent|shared)\/.*\.ts$/.test(path) || /^scripts\/dev\/(start\.ts$|start\/)/.test(path) || path === 'scripts/dev/kubectl.ts'

/** Every word given as the code to `new Name(` or `name(`, with the file that gives it. */
function codesOf(sources: readonly SourceFile[], constructor: RegExp): Map<string, string> {
  const call = new RegExp(`\\b(?:${constructor.source})\\(\\s*'([A-Za-z]+)'`, 'g')
  return new Map(sources.flatMap(({ path, text }) => [...text.matchAll(call)].map((match) => [match[1] as string, path] as const)))
}

/** Take the code as an argument, or carry an error from one thread to another. */
const carriers = [
  'shared/errors/agent-error.ts',
  'shared/errors/database-catalogue.ts',
  'hub/store/writer-client.ts',
  'agent/worker/call.ts',
]

const notIn = (codes: ReadonlyMap<string, string>, ...known: readonly object[]): string[] =>
  [...codes].filter(([code]) => !known.some((catalogue) => Object.hasOwn(catalogue, code))).map(([code, path]) => `${code} (${path})`)

test('every error that stops a program is in a catalogue with what to do next', async (t) => {
  const codes = codesOf(await readSources(isOperators), /new OperatorError/)
  t.true(codes.size > 25)
  t.deepEqual(notIn(codes, ...Object.values(programs)), [])
})

test('every reason with which an action fails or the machine refuses is in the table of task reasons', async (t) => {
  const actions = await readSources((path) => /^agent\/(actions|tasks|config)\/.*\.ts$/.test(path))
  const codes = codesOf(actions, /new ActionError|refuse/)
  t.true(codes.size > 15)
  t.deepEqual(notIn(codes, taskEndReasons, taskWaitReasons), [])
})

test('every reason with which a terminal is refused or ends is in its table, and the table has no other', async (t) => {
  const codes = codesOf(await readSources((path) => /^(hub|agent)\/.*\.ts$/.test(path)), /new TerminalError/)
  t.deepEqual(notIn(codes, terminalReasons), [])
  // The program that cannot be started is named where its error is turned into one.
  t.deepEqual(
    Object.keys(terminalReasons).filter((code) => !codes.has(code)),
    [],
  )
})

test('the code of an error is always a literal, so that it can be found', async (t) => {
  const sources = await readSources(isOperators)
  const hidden = sources
    .filter(({ path }) => !carriers.includes(path))
    .flatMap(({ path, text }) => [...text.matchAll(/new OperatorError\(\s*([^'\s][^,)]*)/g)].map((match) => `${path}: ${match[1]}`))
  t.deepEqual(hidden, [])
})

test('no catalogue explains an error of a program that nothing says', async (t) => {
  const text = (await readSources(isOperators))
    .filter(({ path }) => !path.startsWith('shared/errors/') || path.endsWith('-error.ts'))
    .map((source) => source.text)
    .join('\n')
  const unused = Object.values(programs)
    .flatMap((catalogue) => Object.keys(catalogue))
    .filter((code) => !text.includes(`'${code}'`))
  t.deepEqual(unused, [])
})

for (const [name, catalogue] of Object.entries(catalogues)) {
  test(`each entry of ${name} is a sentence and a next step`, (t) => {
    for (const [code, { summary, next }] of Object.entries(catalogue)) {
      t.regex(code, /^[A-Z][A-Za-z]+$/)
      t.regex(summary, /^\S.{8,}\.$/s, code)
      t.regex(next, /^\S.{8,}\.$/s, code)
    }
  })
}
