// Files of the machine: bounded reads, and writes that are durable before they are reported.
import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, lstat, open, readdir, readlink, rename, stat, statfs, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileInfo, FilesystemInfo, Host } from './types.ts'

const defaultMaxBytes = 1024 * 1024
const chunkBytes = 64 * 1024

type Files = Pick<Host, 'readText' | 'readBytes' | 'readLink' | 'info' | 'list' | 'filesystem' | 'which' | 'writeFileAtomic' | 'removeFile'>

export function createFiles(searchPath: string): Files {
  const programDirectories = [...searchPath.split(':').filter(Boolean), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  return {
    readBytes: (path, options) => readBytes(path, options?.maxBytes ?? defaultMaxBytes),
    async readText(path, options) {
      return (await readBytes(path, options?.maxBytes ?? defaultMaxBytes))?.toString('utf8')
    },
    readLink: (path) => undefinedWhenAbsent(readlink(path)),
    async info(path) {
      const stats = await undefinedWhenAbsent(lstat(path))
      return stats && toInfo(stats)
    },
    async list(path) {
      return (await undefinedWhenAbsent(readdir(path)))?.sort()
    },
    filesystem,
    async which(program) {
      const candidates = program.includes('/') ? [program] : programDirectories.map((directory) => join(directory, program))
      for (const candidate of candidates) if (await isExecutable(candidate)) return candidate
      return undefined
    },
    writeFileAtomic,
    async removeFile(path) {
      await undefinedWhenAbsent(unlink(path))
      await syncDirectory(dirname(path))
    },
  }
}

async function readBytes(path: string, maxBytes: number): Promise<Buffer | undefined> {
  // O_NONBLOCK: opening a FIFO that nobody writes to would hang a thread of the pool for ever.
  const file = await undefinedWhenAbsent(open(path, constants.O_RDONLY | constants.O_NONBLOCK))
  if (file === undefined) return undefined
  try {
    // Files of /proc and /sys report size 0, so read until the end rather than to the size.
    const chunks: Buffer[] = []
    let total = 0
    while (total < maxBytes) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(chunkBytes, maxBytes - total)), 0, null, null)
      if (bytesRead === 0) break
      chunks.push(buffer.subarray(0, bytesRead))
      total += bytesRead
    }
    return Buffer.concat(chunks)
  } finally {
    await file.close()
  }
}

async function filesystem(path: string): Promise<FilesystemInfo> {
  const found = await statfs(path)
  // Block counts are in fragments where the filesystem has them (statvfs(3)); Node names the size of both `bsize` before frsize came.
  const unit = 'frsize' in found && typeof found.frsize === 'number' && found.frsize > 0 ? found.frsize : found.bsize
  return {
    totalBytes: found.blocks * unit,
    freeBytes: found.bfree * unit,
    availableBytes: found.bavail * unit,
    inodes: found.files,
    inodesFree: found.ffree,
  }
}

async function writeFileAtomic(path: string, data: Buffer, options: { mode: number; uid?: number; gid?: number }): Promise<void> {
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  // 0600 until the owner is right: the content may be a secret.
  const file = await open(temporary, 'wx', 0o600)
  try {
    await writeThrough(file, data, options)
    await rename(temporary, path)
  } catch (error) {
    await undefinedWhenAbsent(unlink(temporary))
    throw error
  }
  await syncDirectory(directory)
}

async function writeThrough(
  file: FileHandle,
  data: Buffer,
  { mode, uid, gid }: { mode: number; uid?: number; gid?: number },
): Promise<void> {
  try {
    await file.writeFile(data)
    if (uid !== undefined || gid !== undefined) await file.chown(uid ?? -1, gid ?? -1)
    // After chown, which clears setuid and setgid bits.
    await file.chmod(mode)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await undefinedWhenAbsent(open(path, 'r'))
  try {
    await directory?.sync()
  } finally {
    await directory?.close()
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    // Absent or not executable: either way it is not the program that is looked for.
    return false
  }
}

async function undefinedWhenAbsent<T>(pending: Promise<T>): Promise<T | undefined> {
  try {
    return await pending
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function toInfo(stats: Stats): FileInfo {
  return {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    isSocket: stats.isSocket(),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    modifiedMs: stats.mtimeMs,
    device: stats.dev,
    inode: stats.ino,
  }
}
