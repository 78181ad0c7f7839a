import { mkdir, readdir, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'

const prefix = 'build-'

/** An empty folder of this process under .cache; what builds that were killed left there is removed. */
export async function workFolder(): Promise<string> {
  const cache = join(repositoryRoot, '.cache')
  await mkdir(cache, { recursive: true })
  for (const name of await readdir(cache)) {
    const isLeft = name.startsWith(prefix) && !existsSync(`/proc/${name.slice(prefix.length)}`)
    if (isLeft) await rm(join(cache, name), { recursive: true, force: true })
  }
  const folder = join(cache, `${prefix}${process.pid}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  return folder
}
