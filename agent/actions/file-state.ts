// What a path is right now, as far as the file action and its undo are concerned.
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Host } from '#agent/host/types.ts'
import { ActionError } from './types.ts'

export interface FileState {
  /** undefined: there is nothing. */
  sha256?: string
  mode: number
  uid: number
  gid: number
}

/** A file larger than this is not replaced: its old content could not be kept for undo. */
export const maxReplacedBytes = 16 * 1024 * 1024

export const absentState: FileState = { mode: 0, uid: 0, gid: 0 }

export function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

export function sameState(a: FileState, b: FileState): boolean {
  if (a.sha256 === undefined || b.sha256 === undefined) return a.sha256 === b.sha256
  return a.sha256 === b.sha256 && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

/** State and content. Throws ActionError for what is not a regular file: NotARegularFile, FileTooLarge. */
export async function observeFile(host: Host, path: string): Promise<{ state: FileState; content?: Buffer }> {
  const info = await host.info(path)
  if (!info) return { state: absentState }
  if (info.isSymlink) throw new ActionError('NotARegularFile', `${path} is a symbolic link; name the file it leads to`)
  if (!info.isFile)
    throw new ActionError('NotARegularFile', `${path} is ${info.isDirectory ? 'a directory' : 'a special file'}, not a regular file`)
  if (info.sizeBytes > maxReplacedBytes)
    throw new ActionError('FileTooLarge', `${path} has ${info.sizeBytes} bytes; at most ${maxReplacedBytes} can be kept for undo`)
  const content = await host.readBytes(path, { maxBytes: maxReplacedBytes + 1 })
  if (!content) return { state: absentState }
  return { state: { sha256: hashOf(content), mode: info.mode, uid: info.uid, gid: info.gid }, content }
}

export async function fileState(host: Host, path: string): Promise<FileState> {
  return (await observeFile(host, path)).state
}

/** Every directory above must be a real one: a link could lead out of what the machine's policy allows. Throws ActionError. */
export async function checkParents(host: Host, path: string): Promise<void> {
  if (path.includes('\0') || path.split('/').some((part) => part === '.' || part === '..') || path.includes('//') || path.endsWith('/'))
    throw new ActionError('PathNotAllowed', `${JSON.stringify(path)} must be an absolute path without empty, "." or ".." segments`)
  for (let parent = dirname(path); parent !== '/'; parent = dirname(parent)) {
    const info = await host.info(parent)
    if (!info) throw new ActionError('ParentMissing', `the directory ${parent} does not exist; create it first`)
    if (info.isSymlink)
      throw new ActionError('PathNotAllowed', `${parent} is a symbolic link to ${await host.readLink(parent)}; name the real path`)
    if (!info.isDirectory) throw new ActionError('PathNotAllowed', `${parent} is not a directory`)
  }
}
