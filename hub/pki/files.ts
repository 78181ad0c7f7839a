// Durable small files of the hub: everything that must survive a power cut between two lines is written here.
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'

export const privateMode = 0o600
export const privateDirectoryMode = 0o700

/** Creates the directory (and its parents) readable by this user only. */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: privateDirectoryMode })
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Replaces the file as a whole: a reader sees the old content or the new, also after a power cut. */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = privateMode): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`)
  const handle = await open(temporary, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}
