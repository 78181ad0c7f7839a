// dist/web: the dashboard, built by Vite when its sources have changed since.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { digestOf } from './digest.ts'

export const webFolder = join(repositoryRoot, 'dist/web')
const stampFile = join(repositoryRoot, 'dist/web.sha256')
const sources = ['hub/web', 'scripts/build/web.ts', 'shared', 'package-lock.json', 'tsconfig.json']

/** Fonts are compressed already. */
const compressible = new Set(['.html', '.js', '.css', '.svg'])

/** Beside each text its .br and .gz, which the hub serves by Accept-Encoding: packed once here instead of at every request. */
async function compress(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !compressible.has(extname(entry.name))) continue
    const path = join(entry.parentPath, entry.name)
    const content = await readFile(path)
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content))
    await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: 9 }))
  }
}

/** Builds dist/web when it is missing or older than its sources; says on `print` what it does and how long it took. */
export async function ensureWeb(print: (line: string) => void, options: { isForced?: boolean } = {}): Promise<void> {
  const digest = await digestOf(repositoryRoot, sources)
  const built = existsSync(join(webFolder, 'index.html')) && existsSync(stampFile) ? await readFile(stampFile, 'utf8') : ''
  if (built.trim() === digest && !options.isForced) return
  print('building the dashboard …')
  const startedMs = performance.now()
  const partial = `${webFolder}.${process.pid}`
  await mkdir(join(repositoryRoot, 'dist'), { recursive: true })
  try {
    await runCommand('vite', ['build', 'hub/web', '--outDir', partial, '--emptyOutDir', '--logLevel', 'warn'])
    await compress(partial)
    await rm(webFolder, { recursive: true, force: true })
    await rename(partial, webFolder)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  await writeFile(stampFile, `${digest}\n`)
  print(`building the dashboard: done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
}
