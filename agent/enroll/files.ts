// Durable files in the agent's own state directory: private, complete or absent, never half written.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export const privateFileMode = 0o600
export const privateDirectoryMode = 0o700

export function fsyncDirectory(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Creates it, and what is missing above it, for the owner alone; what exists keeps its mode. */
export function ensurePrivateDirectory(path: string): void {
  if (mkdirSync(path, { recursive: true, mode: privateDirectoryMode }) !== undefined) fsyncDirectory(dirname(path))
}

/** tmp → write → fsync → rename → fsync of the directory. */
export function writeDurable(path: string, data: string): void {
  const temporary = `${path}.tmp`
  const handle = openSync(temporary, 'w', privateFileMode)
  try {
    writeSync(handle, data)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(temporary, path)
  fsyncDirectory(dirname(path))
}

/** undefined when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
