// The main thread's side of the writer: a bounded queue, sent in groups. While a group is being committed the next one
// gathers by itself, which is what makes group commit work without waiting.
import { Worker } from 'node:worker_threads'
import { OperatorError } from '#shared/errors/api-error.ts'
import type { Command, FromWriter, ToWriter } from './commands.ts'
import { BusyError, fromWireError, StorageError } from './errors.ts'
import type { WriterData } from './writer/main.ts'

export interface QueueLimits {
  /** Commands in one transaction. */
  groupCommands: number
  groupBytes: number
  /** Waiting commands; beyond, BusyError. */
  queuedCommands: number
  queuedBytes: number
}
export const defaultQueueLimits: QueueLimits = {
  groupCommands: 200,
  groupBytes: 8 * 1024 * 1024,
  queuedCommands: 20_000,
  queuedBytes: 128 * 1024 * 1024,
}

/** One is committed while the next is already there. */
const groupsInFlight = 2

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
  onProgress?(fraction: number): void
}
interface Queued {
  id: number
  command: Command
  bytes: number
}

export interface WriterEvents {
  onLoad(message: Extract<FromWriter, { type: 'load' | 'log' | 'ready' }>): void
  /** Called before the writes of the group resolve. */
  onGroup(group: Extract<FromWriter, { type: 'group' }>): void
  /** The thread died: nothing can be written any more. */
  onFatal(error: Error): void
}

export interface WriterClient {
  send(command: Command, bytes: number): Promise<unknown>
  backup(toPath: string, onProgress?: (fraction: number) => void): Promise<void>
  queued(): number
  close(): Promise<void>
}

export async function startWriter(data: WriterData, events: WriterEvents, limits: QueueLimits = defaultQueueLimits): Promise<WriterClient> {
  const worker = new Worker(new URL('./writer/main.ts', import.meta.url), { workerData: data })
  const pending = new Map<number, Pending>()
  let queue: Queued[] = []
  let queuedBytes = 0
  let inFlight = 0
  let nextId = 1
  let dead: Error | undefined
  let isClosing = false
  let isCloseSent = false

  const started = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const post = (message: ToWriter, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer)

  function takeGroup(): Queued[] {
    let bytes = 0
    let count = 0
    for (const item of queue) {
      bytes += item.bytes
      if (count > 0 && (count >= limits.groupCommands || bytes > limits.groupBytes)) break
      count++
    }
    const group = queue.slice(0, count)
    queue = queue.slice(count)
    return group
  }

  function pump(): void {
    while (inFlight < groupsInFlight && queue.length > 0) {
      const group = takeGroup()
      const transfer: ArrayBuffer[] = []
      for (const { command, bytes } of group) {
        queuedBytes -= bytes
        if (command.type === 'events') transfer.push(command.payload.buffer as ArrayBuffer)
      }
      inFlight++
      post({ type: 'group', commands: group.map(({ id, command }) => ({ id, command })) }, transfer)
    }
    // What was accepted is written first: the writer handles its messages in order.
    if (isClosing && queue.length === 0 && !isCloseSent) {
      isCloseSent = true
      post({ type: 'close' })
    }
  }

  function settle({ id, error, value }: { id: number; error?: { name: string; message: string }; value?: unknown }): void {
    const waiting = pending.get(id)
    pending.delete(id)
    if (error) waiting?.reject(fromWireError(error))
    else waiting?.resolve(value)
  }

  function die(error: Error): void {
    if (dead) return
    dead = error
    started.reject(error)
    closed.resolve()
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
    queue = []
  }

  worker.on('message', (message: FromWriter) => {
    switch (message.type) {
      case 'load':
      case 'log':
        return events.onLoad(message)
      case 'ready':
        events.onLoad(message)
        return started.resolve()
      case 'refused':
        return die(new OperatorError(message.code, message.message, message.next))
      case 'group':
        inFlight--
        // The next group goes out before this one's effects are worked on: the writer does not wait for the replica.
        pump()
        events.onGroup(message)
        return message.replies.forEach(settle)
      case 'progress':
        return pending.get(message.id)?.onProgress?.(message.fraction)
      case 'reply':
        return settle(message.reply)
      case 'closed':
        return die(new StorageError('the store is closed'))
    }
  })
  worker.on('error', (error) => {
    const wasAlive = !dead
    die(new StorageError(`the writer of the database failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error }))
    if (wasAlive) events.onFatal(error instanceof Error ? error : new Error(String(error)))
  })
  worker.on('exit', () => {
    if (!dead) {
      die(new StorageError('the writer of the database ended'))
      events.onFatal(new Error('the writer thread ended'))
    }
  })

  await started.promise
  return {
    send(command, bytes) {
      if (dead || isClosing) return Promise.reject(dead ?? new StorageError('the store is closing'))
      if (queue.length >= limits.queuedCommands || (queue.length > 0 && queuedBytes + bytes > limits.queuedBytes))
        return Promise.reject(new BusyError(`${queue.length} writes are waiting: the disk does not keep up`))
      return new Promise((resolve, reject) => {
        const id = nextId++
        pending.set(id, { resolve, reject })
        queue.push({ id, command, bytes })
        queuedBytes += bytes
        pump()
      })
    },
    backup(toPath, onProgress) {
      if (dead || isClosing) return Promise.reject(dead ?? new StorageError('the store is closing'))
      return new Promise((resolve, reject) => {
        const id = nextId++
        pending.set(id, { resolve: () => resolve(), reject, onProgress })
        post({ type: 'backup', id, toPath })
      })
    },
    queued: () => queue.length,
    async close() {
      isClosing = true
      if (!dead) pump()
      await closed.promise
      await worker.terminate()
    },
  }
}
