// How long fdatasync takes on a filesystem, measured as etcd's write-ahead log uses it: small records, one after the other.
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Host } from './types.ts'

export interface FsyncLimits {
  recordBytes: number
  /** At most so many records… */
  records: number
  /** …and no new one after so much time. */
  maxMs: number
}
export interface FsyncResult {
  /** Milliseconds of each fdatasync, in the order of the records. */
  latenciesMs: number[]
  /** The writing thread was put into the idle I/O class, so the measurement does not take the disk from others. */
  isIdlePriority: boolean
}

/**
 * Runs in a thread of its own: the calls are synchronous (no thread pool in the measured time) and only that thread gets the idle I/O
 * class. The file is unlinked as soon as it is open, so nothing is left behind whatever happens.
 */
const program = `
const { closeSync, fdatasyncSync, openSync, readlinkSync, unlinkSync, writeSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { path, recordBytes, records, maxMs } = workerData
parentPort.once('message', () => {
  const file = openSync(path, 'wx', 0o600)
  unlinkSync(path)
  const record = Buffer.alloc(recordBytes, 0x6d)
  const latenciesMs = []
  const end = performance.now() + maxMs
  try {
    while (latenciesMs.length < records && performance.now() < end) {
      writeSync(file, record)
      const before = performance.now()
      fdatasyncSync(file)
      latenciesMs.push(performance.now() - before)
    }
  } finally {
    closeSync(file)
  }
  parentPort.postMessage({ latenciesMs })
})
parentPort.postMessage({ thread: readlinkSync('/proc/thread-self').split('/').pop() })
`

/** Writes at most records × recordBytes into one temporary file. Throws when the directory cannot be written to. */
export async function measureFsync(host: Host, directory: string, limits: FsyncLimits, signal: AbortSignal): Promise<FsyncResult> {
  signal.throwIfAborted()
  const path = join(directory, `.moorline-fsync-${process.pid}`)
  const worker = new Worker(program, { eval: true, workerData: { path, ...limits } })
  try {
    const { thread } = (await message(worker, signal)) as { thread: string }
    const { exitCode } = await host.run('ionice', ['-c', '3', '-p', thread], { timeoutMs: 2_000 })
    const finished = message(worker, signal)
    worker.postMessage('go')
    const { latenciesMs } = (await finished) as { latenciesMs: number[] }
    return { latenciesMs, isIdlePriority: exitCode === 0 }
  } catch (error) {
    // What a thread throws arrives as a copy that only looks like an Error.
    const { message: text, code } = error as NodeJS.ErrnoException
    throw Object.assign(new Error(text, { cause: error }), { code })
  } finally {
    await worker.terminate()
  }
}

/** Rejects with the thread's error when it throws (events.once does so), and on abort. */
async function message(worker: Worker, signal: AbortSignal): Promise<unknown> {
  return (await once(worker, 'message', { signal }))[0]
}
