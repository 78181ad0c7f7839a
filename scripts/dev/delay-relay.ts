// A TCP relay that delays every byte by the same time in each direction, stalls now and then if it is told to, and limits nothing else: a
// long line in one process.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface DelayRelay {
  port: number
  /** Pieces that met a stall. */
  stalled(): number
  close(): Promise<void>
}

/** More than a window of 16 MiB for several streams: flow control of what is measured must not meet this one. */
const maxQueuedBytes = 256 * 1024 * 1024

export interface Line {
  delayMs: number
  /** What TCP makes of a lost packet: nothing arrives for `forMs`, out of each `everyMs`, and then all of it at once. */
  stalls?: { everyMs: number; forMs: number }
}

export interface DelayRelayOptions extends Line {
  /** Where it leads to; 127.0.0.1 unless `host` is given. */
  port: number
  host?: string
  /** Any port of 127.0.0.1 unless given. */
  listen?: { host: string; port: number }
}

export async function startDelayRelay({ host = '127.0.0.1', port, listen, ...line }: DelayRelayOptions): Promise<DelayRelay> {
  const sockets = new Set<Socket>()
  let stalled = 0
  const arrival = (): number => {
    const dueMs = performance.now() + line.delayMs
    if (!line.stalls) return dueMs
    const { everyMs, forMs } = line.stalls
    const phaseMs = dueMs % everyMs
    if (phaseMs >= forMs) return dueMs
    stalled++
    return dueMs - phaseMs + forMs
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
    const outer = connect({ host, port, allowHalfOpen: true, noDelay: true })
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    delay(inner, outer, arrival)
    delay(outer, inner, arrival)
  })
  server.listen(listen ?? { host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    stalled: () => stalled,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** @param arrival when what is read now is passed on; never goes back */
function delay(from: Socket, to: Socket, arrival: () => number): void {
  const queue: { atMs: number; chunk: Buffer | undefined }[] = []
  let queuedBytes = 0
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    timer = undefined
    const now = performance.now()
    to.cork()
    while (queue[0] !== undefined && queue[0].atMs <= now) {
      const { chunk } = queue.shift() as { chunk: Buffer | undefined }
      if (chunk === undefined) to.end()
      else {
        queuedBytes -= chunk.length
        to.write(chunk)
      }
    }
    to.uncork()
    if (queuedBytes < maxQueuedBytes / 2) from.resume()
    schedule()
  }
  const schedule = (): void => {
    const first = queue[0]
    if (first !== undefined) timer ??= setTimeout(flush, Math.max(0, first.atMs - performance.now()))
  }
  const add = (chunk: Buffer | undefined): void => {
    queue.push({ atMs: arrival(), chunk })
    queuedBytes += chunk?.length ?? 0
    if (queuedBytes > maxQueuedBytes) from.pause()
    schedule()
  }
  from.on('data', add)
  from.on('end', () => add(undefined))
  from.on('error', () => to.resetAndDestroy())
  from.on('close', () => {
    // A clean end is still in the queue; anything else is passed on at once.
    if (!from.readableEnded) to.resetAndDestroy()
  })
}
