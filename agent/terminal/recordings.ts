// The folder of recordings in the state directory: private, and bounded by taking away the oldest that are finished.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#shared/clock/clock.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'
import type { RecordingFile } from './recording.ts'

export const recordingLimits = { sessionBytes: 64 * 1024 * 1024, folderBytes: 1024 * 1024 * 1024 } as const

export interface Recordings {
  /** @throws TerminalError RecordingFailed */
  create(user: string): Promise<RecordingFile>
}

export interface RecordingsOptions {
  folder: string
  clock: Clock
  limits?: { sessionBytes: number; folderBytes: number }
}

export function createRecordings({ folder, clock, limits = recordingLimits }: RecordingsOptions): Recordings {
  const open = new Set<string>()

  /** Room for one more whole session, besides those that are being written. */
  async function makeRoom(): Promise<void> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.cast')).sort()
    const finished = await Promise.all(
      names.filter((name) => !open.has(name)).map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })),
    )
    let left = limits.folderBytes - limits.sessionBytes * (open.size + 1) - finished.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { name, bytes } of finished) {
      if (left >= 0) return
      await unlink(join(folder, name))
      left += bytes
    }
  }

  return {
    async create(user) {
      const at = clock.now().toISOString().replaceAll(/[:.]/g, '-')
      // The name of the user comes from the hub.
      const name = `${at}-${user.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 64)}-${randomBytes(3).toString('hex')}.cast`
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await makeRoom()
        const file = await recordingFile(join(folder, name), () => open.delete(name))
        open.add(name)
        return file
      } catch (error) {
        throw new TerminalError('RecordingFailed', `no recording can be written in ${folder}: ${(error as Error).message}`, error)
      }
    },
  }
}

async function recordingFile(path: string, onClose: () => void): Promise<RecordingFile> {
  // `flush`: synced before it is closed.
  const stream = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true, highWaterMark: 256 * 1024 })
  await once(stream, 'open')
  return {
    write: (text) => stream.write(text),
    onDrain: (run) => void stream.on('drain', run),
    onError: (run) => void stream.on('error', run),
    async close() {
      onClose()
      if (stream.closed) return
      const closed = new Promise<void>((resolve) => stream.once('close', resolve))
      stream.end()
      await closed
    },
  }
}
