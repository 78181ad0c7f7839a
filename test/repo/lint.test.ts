import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import { lint } from '#scripts/check/steps/lint.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

/** A workspace with the repository's own configuration and nothing but `files`. */
async function lintFiles(t: Parameters<typeof tempDir>[0], files: Record<string, string>) {
  const folder = await tempDir(t)
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) await cp(inRepository(name), join(folder, name))
  await symlink(inRepository('node_modules'), join(folder, 'node_modules'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return lint(['hub'], { cwd: folder })
}

const later = 'export async function later(): Promise<number> {\n  return Promise.resolve(1)\n}\n'

test('a file that breaks no rule is clean', async (t) => {
  const result = await lintFiles(t, { 'hub/a.ts': later, 'hub/b.ts': "import { later } from './a.ts'\n\nexport const n = await later()\n" })
  t.true(result.isClean, result.text)
})

test('a promise that nobody waits for is found', async (t) => {
  const result = await lintFiles(t, { 'hub/a.ts': later, 'hub/b.ts': "import { later } from './a.ts'\n\nlater()\n" })
  t.false(result.isClean)
  t.regex(result.text, /no-floating-promises/)
})

test('a cycle of imports is found', async (t) => {
  const result = await lintFiles(t, {
    'hub/a.ts': "import { b } from './b.ts'\n\nexport const a = () => b\n",
    'hub/b.ts': "import { a } from './a.ts'\n\nexport const b = () => a\n",
  })
  t.false(result.isClean)
  t.regex(result.text, /no-cycle/)
})

test('an import of a test helper from product code is found', async (t) => {
  const result = await lintFiles(t, { 'hub/a.ts': "import { until } from '#test/helpers/until.ts'\n\nexport const x = until\n" })
  t.false(result.isClean)
  t.regex(result.text, /no-restricted-imports/)
})
