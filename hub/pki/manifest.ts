// The directory dataDir/pki: one manifest that names the pieces, one file per piece.
//
// A piece is written before the manifest names it and never changed afterwards, so that a crash between two writes leaves
// an unused file and nothing else. The first directory is built beside its place and renamed as a whole. What is missing
// or damaged later is an error for a person: a CA that made itself anew would lock out every machine.
import { readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '#shared/errors/api-error.ts'
import { ensurePrivateDirectory, syncDirectory, writeFileDurably } from './files.ts'

export interface RetiredCa {
  id: string
  /** ISO time at which the last certificate it issued has expired. */
  trustedUntil: string
}

export interface Manifest {
  version: 1
  ca: { current: string; next: string; retired: RetiredCa[]; rotatedAt?: string }
  taskSigner: { current: string; next: string }
  web: { key: string; nextKey: string }
}

const idPattern = /^[0-9a-f]{16}$/

export interface PkiDirectory {
  path: string
  read(name: string): Promise<string>
  write(name: string, content: string): Promise<void>
  /** Undefined when there is no such file; for pieces that can be made again. */
  readIfPresent(name: string): Promise<string | undefined>
}

export function pkiDirectory(path: string): PkiDirectory {
  return {
    path,
    async read(name) {
      try {
        return await readFile(join(path, name), 'utf8')
      } catch (cause) {
        throw damaged(path, `${name} cannot be read`, cause)
      }
    },
    write: (name, content) => writeFileDurably(join(path, name), content),
    async readIfPresent(name) {
      try {
        return await readFile(join(path, name), 'utf8')
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw damaged(path, `${name} cannot be read`, cause)
      }
    },
  }
}

export function damaged(path: string, what: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'PkiDamaged',
    `The hub's key directory ${path} is damaged: ${what}.`,
    `Restore ${path} from a backup. Only if no machine is enrolled yet, move it away and start again: a new fleet CA is made and every machine has to enrol again.`,
    cause,
  )
}

/** Builds the first directory with `fill` and puts it in place as a whole; does nothing when there is one. */
export async function ensureDirectory(
  path: string,
  mustExist: boolean,
  fill: (directory: PkiDirectory) => Promise<Manifest>,
): Promise<void> {
  const entries = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [] as string[]
    throw damaged(path, 'it cannot be listed', cause)
  })
  if (entries.length > 0) return
  if (mustExist) throw damaged(path, 'it is missing although the hub has run before')
  const fresh = `${path}.new`
  await rm(fresh, { recursive: true, force: true })
  await ensurePrivateDirectory(fresh)
  const directory = pkiDirectory(fresh)
  await writeManifest(directory, await fill(directory))
  await rename(fresh, path)
  await syncDirectory(join(path, '..'))
}

export const writeManifest = (directory: PkiDirectory, manifest: Manifest): Promise<void> =>
  directory.write('manifest.json', `${JSON.stringify(manifest, undefined, 2)}\n`)

export async function readManifest(directory: PkiDirectory): Promise<Manifest> {
  const text = await directory.read('manifest.json')
  let value: Manifest
  try {
    value = JSON.parse(text) as Manifest
    const ids = [
      value.ca.current,
      value.ca.next,
      value.taskSigner.current,
      value.taskSigner.next,
      value.web.key,
      value.web.nextKey,
      ...value.ca.retired.map((entry) => entry.id),
    ]
    if (value.version !== 1) throw new Error(`its version is ${String(value.version)}, this hub knows 1`)
    if (!ids.every((id) => typeof id === 'string' && idPattern.test(id)))
      throw new Error('it names a piece in another form than this hub writes')
    if (value.ca.retired.some((entry) => Number.isNaN(Date.parse(entry.trustedUntil)))) throw new Error('a date in it cannot be read')
  } catch (cause) {
    throw damaged(directory.path, `manifest.json is not valid (${(cause as Error).message})`, cause)
  }
  return value
}
