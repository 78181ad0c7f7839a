// npm run gen: writes every generated file.
// npm run gen -- baseline: makes today's wire the one that must not break.
// npm run gen -- lock: completes package-lock.json after `npm install`.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { completeLock, type LockFile } from './lock.ts'
import { baseline, generateAll, orphanedOutputs } from './outputs.ts'

const outputs = await generateAll()
for (const [path, text] of outputs) {
  const file = join(repositoryRoot, path)
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (before === text) continue
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  console.log(`wrote ${path}`)
}
for (const path of await orphanedOutputs(outputs)) {
  await rm(join(repositoryRoot, path))
  console.log(`removed ${path}`)
}
if (process.argv[2] === 'baseline') {
  await runCommand('buf', ['build', '--exclude-source-info', '--output', baseline])
  console.log(`wrote ${baseline}`)
}
if (process.argv[2] === 'lock') {
  const file = join(repositoryRoot, 'package-lock.json')
  const before = await readFile(file, 'utf8')
  const after = `${JSON.stringify(completeLock(JSON.parse(before) as LockFile), null, 2)}\n`
  if (after !== before) await writeFile(file, after)
  console.log(after === before ? 'package-lock.json is complete' : 'wrote package-lock.json')
}
