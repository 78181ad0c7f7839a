// One client's WebSocket joined to one terminal: channels to frames and back, backpressure both ways, the end told as Kubernetes tells it.
import type { RawData, WebSocket } from 'ws'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { outputWindowBytes, type TerminalEnded } from '#shared/contract/terminal.ts'
import type { KubeFailure } from '#shared/kubernetes/status.ts'
import type { TerminalHandlers, TerminalSession } from '#hub/terminal/session.ts'
import { channels, onChannel, readMessage } from './channels.ts'
import { createFlow } from './flow.ts'
import { type Asked, ownProtocol } from './request.ts'
import { endStatus, failureBody } from './status.ts'

export const connectionLimits = {
  /** One message of a client. */
  messageBytes: 1024 * 1024 + 1,
  pingMs: 10_000,
  /** Not a word, although nothing keeps the client from it. */
  silenceMs: 25_000,
  /** The same while output waits for it: somebody may have stopped a pager. */
  stallMs: 600_000,
} as const

export interface Connection {
  handlers: TerminalHandlers
  /** From here on the client's input counts. */
  attach(session: TerminalSession): void
  /** The last word to the client. */
  end(ended: TerminalEnded | KubeFailure): void
}

/** Codes of RFC 6455 section 7.4.1. */
const closeCodes = { normal: 1000, unsupported: 1003, policy: 1008 } as const

export function createConnection(socket: WebSocket, { request, protocol, wants }: Asked, clock: Clock): Connection {
  const isOwnProtocol = protocol === ownProtocol
  const early: Buffer[] = []
  let session: TerminalSession | undefined
  let isOver = false
  let isInputFull = false
  /** Consumed before there was a session to tell. */
  let owedBytes = 0
  let heardMs = clock.monotonicMs()

  const consumed = (bytes: number): void => {
    if (session) session.consumed(bytes)
    else owedBytes += bytes
  }
  const flow = createFlow({
    windowBytes: outputWindowBytes(request.tty),
    isOwnProtocol,
    ping: (payload) => socket.ping(payload),
    consumed,
  })
  const refuse = (why: string, code: number = closeCodes.policy): void => {
    isOver = true
    session?.close()
    socket.resume()
    socket.close(code, why.slice(0, 100))
  }
  const setPaused = (isPaused: boolean): void => {
    isInputFull = isPaused
    if (isPaused) socket.pause()
    else socket.resume()
    flow.setPaused(isPaused)
  }

  const take = (message: Buffer): void => {
    const read = readMessage(message, isOwnProtocol)
    if (read.kind === 'input') {
      if (request.stdin && session?.write(read.data) === false) setPaused(true)
    } else if (read.kind === 'inputEnd') session?.endInput()
    else if (read.kind === 'resize') session?.resize(read.columns, read.rows)
    else if (read.kind === 'acknowledge') flow.acknowledged(read.bytes)
  }
  const tryTake = (message: Buffer): void => {
    try {
      if (!isOver) take(message)
    } catch (error) {
      refuse((error as Error).message)
    }
  }
  socket.on('message', (data: RawData, isBinary: boolean) => {
    heardMs = clock.monotonicMs()
    if (!isBinary) return refuse('messages are binary: a channel, then its data', closeCodes.unsupported)
    if (session) return tryTake(data as Buffer)
    // Typed ahead, while the machine is being asked.
    early.push(data as Buffer)
    socket.pause()
  })
  socket.on('pong', (payload) => {
    heardMs = clock.monotonicMs()
    flow.pong(payload)
  })
  let timer: Timer
  const watch = (): void => {
    const silentMs = clock.monotonicMs() - heardMs
    const isBusy = flow.outstandingBytes() > 0 || socket.bufferedAmount > 0
    if (!socket.isPaused && silentMs > (isBusy ? connectionLimits.stallMs : connectionLimits.silenceMs)) return socket.terminate()
    if (socket.readyState === socket.OPEN) socket.ping('alive')
    timer = clock.setTimer(connectionLimits.pingMs, watch, true)
  }
  timer = clock.setTimer(connectionLimits.pingMs, watch, true)
  socket.on('close', () => timer.cancel())
  // 'close' follows, and is what decides.
  socket.on('error', () => timer.cancel())

  return {
    handlers: {
      onOutput(stream, data) {
        if (isOver || !wants[stream] || socket.readyState !== socket.OPEN) return consumed(data.length)
        // Before send(): its callback may be told in the same turn.
        flow.sent(data.length)
        socket.send(onChannel(channels[stream], data), () => flow.flushed(data.length))
      },
      onInputDrain: () => setPaused(false),
    },
    attach(opened) {
      session = opened
      session.consumed(owedBytes)
      for (const message of early.splice(0)) tryTake(message)
      if (!isInputFull) socket.resume()
    },
    end(ended) {
      if (socket.readyState !== socket.OPEN || isOver) return
      isOver = true
      socket.resume()
      socket.send(onChannel(channels.error, 'code' in ended ? failureBody(ended) : endStatus(ended)))
      socket.close(closeCodes.normal)
    },
  }
}
