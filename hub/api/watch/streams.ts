// The long answers: watches and followed logs. Owns how many there may be, what a slow reader costs, and that a stream ends when its
// user may no longer read it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Timer } from '#shared/clock/clock.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { ApiDeps, RouteAccess, WatchLimits } from '../types.ts'

export type EndReason = 'client' | 'timeout' | 'slow' | 'expired' | 'shutdown'

export interface OpenStream {
  /** Queues a piece in order. False: the stream has ended. */
  write(text: string): boolean
  /** Ends after what is queued has been taken; `last` is one more piece. */
  end(reason: EndReason, last?: string): void
  /** Breaks it off, so that the reader does not take what came for the whole. */
  abort(): void
  readonly isOpen: boolean
  /** Resolves when nothing waits any more, or the stream has ended. */
  drained(): Promise<void>
  onEnd(run: (reason: EndReason) => void): void
}

export interface Streams {
  open(request: FastifyRequest, reply: FastifyReply, contentType: string, timeoutSeconds: number): OpenStream
  closeAll(): void
}

export const defaultWatchLimits: WatchLimits = {
  pendingBytes: 16 * 1024 * 1024,
  pendingEvents: 10_000,
  stallMs: 60_000,
  bookmarkMs: 60_000,
  defaultTimeoutSeconds: 1800,
  openStreams: 2_000,
}

const recheckMs = 30_000

export function createStreams({ auth, clock, resources }: ApiDeps, limits: WatchLimits): Streams {
  const open = new Map<OpenStream, { request: FastifyRequest }>()

  // A token that is deleted or a binding that is narrowed ends what was opened with it.
  const subscription = resources.subscribe((change) => {
    if (change.kind !== 'AccessToken' && change.kind !== 'AccessBinding') return
    recheck()
  })
  function recheck(): void {
    for (const [stream, { request }] of open) if (!mayStillRead(request)) stream.end('expired')
  }
  // A token that runs out makes no change.
  let sweep: Timer
  const scheduleSweep = () => {
    sweep = clock.setTimer(
      recheckMs,
      () => {
        recheck()
        scheduleSweep()
      },
      true,
    )
  }
  scheduleSweep()

  function mayStillRead(request: FastifyRequest): boolean {
    const user = request.user && auth.refresh(request.user)
    if (!user) return false
    const access = request.routeOptions.config.access as RouteAccess
    if (typeof access === 'string') return true
    const decision = auth.authorize(user, access)
    // A narrower or wider scope than at the start: the client reads again under the new one.
    return decision.allowed && (decision.filter === undefined) === (request.visible === undefined)
  }

  return {
    open(request, reply, contentType, timeoutSeconds) {
      if (open.size >= limits.openStreams)
        throw new ApiError('TooManyRequests', `the hub has ${open.size} open watches, which is its limit`, { retryAfterSeconds: 5 })
      reply.hijack()
      const raw = reply.raw
      raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), 'content-type': contentType, 'cache-control': 'no-store' })
      raw.flushHeaders?.()

      const queue: string[] = []
      let queuedBytes = 0
      let isBlocked = false
      let ending: EndReason | undefined
      let isClosed = false
      let waiting: (() => void)[] = []
      let stall: Timer | undefined
      const endListeners: ((reason: EndReason) => void)[] = []

      const wake = () => {
        const all = waiting
        waiting = []
        for (const resolve of all) resolve()
      }
      const pump = () => {
        while (queue.length > 0 && !isBlocked && !isClosed) {
          // One write for many small pieces.
          let text = ''
          while (queue.length > 0 && text.length < 64 * 1024) text += queue.shift()
          queuedBytes -= text.length
          isBlocked = !raw.write(text)
        }
        if (isBlocked) stall ??= clock.setTimer(limits.stallMs, () => abort('slow'), true)
        else if (queue.length === 0) {
          wake()
          if (ending && !isClosed) raw.end()
        }
      }
      const finish = (reason: EndReason) => {
        if (isClosed) return
        isClosed = true
        open.delete(stream)
        timeout.cancel()
        stall?.cancel()
        queue.length = 0
        wake()
        for (const run of endListeners) run(ending ?? reason)
      }
      /** Not the clean end of a stream: the reader must not take half an answer for a whole one. */
      const abort = (reason: EndReason) => {
        finish(reason)
        raw.destroy(new Error(`stream ended: ${reason}`))
      }
      raw.on('drain', () => {
        isBlocked = false
        stall?.cancel()
        stall = undefined
        pump()
      })
      raw.on('error', () => finish('client'))
      raw.on('close', () => finish('client'))

      const stream: OpenStream = {
        get isOpen() {
          return !isClosed && ending === undefined
        },
        write(text) {
          if (isClosed || ending) return false
          queue.push(text)
          queuedBytes += text.length
          if (isBlocked && (queuedBytes > limits.pendingBytes || queue.length > limits.pendingEvents)) {
            abort('slow')
            return false
          }
          pump()
          return !isClosed
        },
        end(reason, last) {
          if (isClosed || ending) return
          if (last !== undefined) {
            queue.push(last)
            queuedBytes += last.length
          }
          ending = reason
          for (const run of endListeners.splice(0)) run(reason)
          pump()
        },
        abort: () => abort('shutdown'),
        drained: () =>
          isClosed || (queue.length === 0 && !isBlocked) ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
        onEnd: (run) => void endListeners.push(run),
      }
      const timeout = clock.setTimer(timeoutSeconds * 1000, () => stream.end('timeout'), true)
      open.set(stream, { request })
      return stream
    },
    closeAll() {
      subscription.close()
      sweep.cancel()
      for (const stream of [...open.keys()]) stream.end('shutdown')
    },
  }
}
