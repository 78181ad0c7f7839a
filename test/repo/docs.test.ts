import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import test from 'ava'
import { listFiles, readSources } from '#scripts/check/sources.ts'
import { suites } from '#scripts/dev/suites.ts'
import { startHelp } from '#scripts/dev/start/options.ts'
import { settingsHelp } from '#agent/cli/flags.ts'
import { preflightUsage } from '#agent/preflight/command.ts'
import { hubHelp } from '#hub/config/config.ts'
import { failpointNames } from '#shared/flow/failpoint.ts'
import { inRepository } from '#test/helpers/paths.ts'

const isPage = (path: string) => path === 'README.md' || path === 'CHANGELOG.md' || /^docs\/.*\.md$/.test(path)
const pages = await readSources(isPage)
const read = (path: string) => readFile(inRepository(path), 'utf8')

/** As GitHub makes them from headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] as string)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '')

/** Lines of code blocks, fenced or indented, and inline code. */
function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap((match) => (match[1] as string).split('\n'))
  const indented = [...text.matchAll(/^ {4,}(\S.*)$/gm)].map((match) => match[1] as string)
  const inline = [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string)
  return [...blocks, ...indented, ...inline]
}

const flagsIn = (text: string): string[] => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map((match) => match[0])

test('every link between the pages leads to a page and a heading that exist', async (t) => {
  const broken: string[] = []
  for (const { path, text } of pages) {
    for (const [, target = ''] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const full = file === '' ? path : posix.join(dirname(path), file)
      if (!existsSync(inRepository(full))) broken.push(`${path}: ${target}`)
      else if (anchor !== undefined && !anchorsOf(await read(full)).has(anchor)) broken.push(`${path}: ${target}`)
    }
  }
  t.deepEqual(broken, [])
})

test('every page of docs is in the index', async (t) => {
  const index = await read('docs/README.md')
  const names = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')
  t.true(names.length > 5)
  t.deepEqual(
    names.filter((path) => !index.includes(`](${path.slice('docs/'.length)})`)),
    [],
  )
})

test('every npm script in the documentation exists and knows the flags it is shown with', async (t) => {
  const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> }
  const known: Readonly<Record<string, string>> = {
    start: `${startHelp} --help`,
    hub: `${hubHelp()} --help --to --from`,
    agent: `${settingsHelp()} ${preflightUsage} --help`,
    bench: '--json',
    build: '--quick',
    testbed: await read('scripts/dev/testbed.ts'),
  }
  const wrong: string[] = []
  for (const { path, text } of pages) {
    for (const line of codeOf(text)) {
      for (const [command, script = ''] of line.matchAll(/\bnpm (?:run )?([a-z]+)[^`|]*/g)) {
        if (['ci', 'install'].includes(script)) continue
        if (!(script in scripts)) wrong.push(`${path}: ${command}`)
        for (const flag of flagsIn(command)) if (!flagsIn(known[script] ?? '').includes(flag)) wrong.push(`${path}: ${command}: ${flag}`)
      }
    }
  }
  t.deepEqual(wrong, [])
})

test('every test and bench suite in the documentation exists', async (t) => {
  const bench = await read('scripts/dev/bench.ts')
  const wrong: string[] = []
  for (const { path, text } of pages) {
    for (const line of codeOf(text)) {
      for (const name of /^npm test -- ([a-z0-9 ]+)/.exec(line)?.[1]?.trim().split(' ') ?? [])
        if (!suites.some((suite) => suite.name === name)) wrong.push(`${path}: npm test -- ${name}`)
      for (const name of /^npm run bench -- ([a-z0-9 ]+)/.exec(line)?.[1]?.trim().split(' ') ?? [])
        if (!bench.includes(`  ${name}: () => import(`)) wrong.push(`${path}: npm run bench -- ${name}`)
    }
  }
  t.deepEqual(wrong, [])
})

test('every command and flag of moorline-agent in the documentation exists', async (t) => {
  const main = await read('agent/main.ts')
  const wrong: string[] = []
  for (const { path, text } of pages) {
    for (const line of codeOf(text)) {
      const [, command = '', rest = ''] = /^moorline-agent ([a-z][a-z-]*)(.*)$/.exec(line) ?? []
      if (command === '') continue
      if (!main.includes(`import('#agent/cli/${command}.ts')`)) wrong.push(`${path}: ${line}`)
      else {
        const own = await read(`agent/cli/${command}.ts`)
        const usage = flagsIn(`${own} ${settingsHelp()} ${preflightUsage} --help`)
        for (const flag of flagsIn(rest)) if (!usage.includes(flag)) wrong.push(`${path}: ${line}: ${flag}`)
      }
    }
  }
  t.deepEqual(wrong, [])
})

test('every environment variable in the documentation is read somewhere', async (t) => {
  const code = (await readSources((path) => /^(hub|agent|scripts)\/.*\.(ts|sh)$/.test(path))).map(({ text }) => text).join('\n')
  const named = new Set(pages.flatMap(({ text }) => text.match(/\bMOORLINE_[A-Z_]+/g) ?? []))
  t.true(named.size > 5)
  t.deepEqual(
    [...named].filter((name) => !code.includes(name)),
    [],
  )
})

test('every file of the repository that the documentation names exists', (t) => {
  const paths = pages.flatMap(({ path, text }) =>
    codeOf(text)
      .filter((code) => /^(hub|agent|shared|scripts|proto|test|docs)\/[\w./-]+$/.test(code))
      .map((code) => ({ path, code })),
  )
  t.true(paths.length > 20)
  t.deepEqual(
    paths.filter(({ code }) => !existsSync(inRepository(code))).map(({ path, code }) => `${path}: ${code}`),
    [],
  )
})

test('the documentation has every metric of the hub and no other', async (t) => {
  const sources = await readSources((path) => ['hub/observability/metrics.ts', 'hub/observe-fleet.ts'].includes(path))
  const names = (text: string) => new Set(text.match(/\bmoorline_[a-z]+_?[a-z_]*[a-z]\b/g) ?? [])
  const inCode = names(sources.map(({ text }) => text).join('\n'))
  const inDocs = names(await read('docs/operations.md'))
  t.true(inCode.size > 10)
  t.deepEqual([...inDocs].sort(), [...inCode].sort())
})

test('the documentation has every failpoint', async (t) => {
  const text = await read('docs/architecture.md')
  t.deepEqual(
    failpointNames.filter((name) => !text.includes(`\`${name}\``)),
    [],
  )
})

test('the pictures of the documentation are small', async (t) => {
  const pictures = await listFiles((path) => /^docs\/.*\.(png|svg|jpg)$/.test(path))
  t.true(pictures.length > 0)
  for (const path of pictures) t.true((await readFile(join(inRepository(), path))).byteLength < 200_000, path)
})
