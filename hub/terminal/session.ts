// One terminal on a machine, as the hub sees it: opened through the tunnel, with at most one window on its way in each direction. Whoever
// calls says what was consumed; nothing is held here beyond input that the machine has not asked for yet.
import {
  type FrameType,
  frameTypes,
  outputWindowBytes,
  TerminalEnded,
  terminalLimits,
  type TerminalOpen,
  TerminalStarted,
  terminalVersion,
} from '#shared/contract/terminal.ts'
import { isTerminalReason, TerminalError } from '#shared/errors/terminal-reason.ts'
import { creditFrame, frame, FrameError, frameReader, jsonFrame, readCredit, readJson } from '#shared/terminal/frames.ts'
import type { TunnelStream } from '#shared/tunnel/stream.ts'

export interface TerminalHandlers {
  /** At most the window of it is on its way until consumed() is called. */
  onOutput(stream: 'stdout' | 'stderr', data: Buffer): void
  /** All input was sent on. */
  onInputDrain(): void
}

export interface TerminalSession {
  isRecorded: boolean
  /** False: wait for onInputDrain before more is read from the user. */
  write(data: Buffer): boolean
  endInput(): void
  resize(columns: number, rows: number): void
  /** Whoever reads has taken so much output. @throws FrameError more than was sent */
  consumed(bytes: number): void
  /** Ends everything that runs in it. */
  close(): void
  /** How it ended; rejects with TerminalError when it was not the program that ended it. */
  ended: Promise<TerminalEnded>
}

export type TerminalRequest = Omit<TerminalOpen, 'version'>

/** Resolves when the process is there. @throws TerminalError */
export async function openSession(stream: TunnelStream, request: TerminalRequest, handlers: TerminalHandlers): Promise<TerminalSession> {
  const started = Promise.withResolvers<TerminalStarted>()
  const ended = Promise.withResolvers<TerminalEnded>()
  for (const promise of [ended.promise, started.promise])
    promise.catch(() => {
      // Both fail together; whoever waits for one of them hears of it there.
    })
  let inputCreditBytes: number = terminalLimits.inputWindowBytes
  let unconsumedBytes = 0
  let input: Buffer[] = []
  let isInputEnding = false
  let isOver = false

  const send = (bytes: Buffer): void => {
    if (!stream.destroyed && stream.writable) stream.write(bytes)
  }
  const lose = (error: TerminalError): void => {
    if (isOver) return
    isOver = true
    started.reject(error)
    ended.reject(error)
    stream.destroy(error)
  }
  const flushInput = (): void => {
    let isSent = false
    for (let next = input[0]; next !== undefined && inputCreditBytes > 0; next = input[0]) {
      const data = next.subarray(0, Math.min(inputCreditBytes, terminalLimits.dataBytes))
      inputCreditBytes -= data.length
      send(frame(frameTypes.input, data))
      if (data.length < next.length) input[0] = next.subarray(data.length)
      else input.shift()
      isSent = true
    }
    if (input.length > 0) return
    if (isInputEnding) {
      isInputEnding = false
      send(frame(frameTypes.inputEnd))
    }
    if (isSent) handlers.onInputDrain()
  }

  const takeFrame = (type: FrameType, payload: Buffer): void => {
    if (isOver) return
    if (type === frameTypes.stdout || type === frameTypes.stderr) {
      unconsumedBytes += payload.length
      if (unconsumedBytes > outputWindowBytes(request.tty)) throw new FrameError('the agent sends more than it was asked for')
      handlers.onOutput(type === frameTypes.stdout ? 'stdout' : 'stderr', payload)
    } else if (type === frameTypes.inputCredit) {
      inputCreditBytes += readCredit(payload)
      if (inputCreditBytes > terminalLimits.inputWindowBytes) throw new FrameError('the agent takes more input than there is')
      flushInput()
    } else if (type === frameTypes.started) started.resolve(readJson(TerminalStarted, payload))
    else if (type === frameTypes.ended) {
      isOver = true
      const end = readJson(TerminalEnded, payload)
      settle(end)
      stream.end()
      stream.resume()
    } else throw new FrameError(`a frame of the type ${type} from an agent`)
  }
  const settle = (end: TerminalEnded): void => {
    if (end.reason === 'Exited') {
      // Without a start it would have been nothing; both may come at once.
      started.resolve({ isRecorded: false })
      return ended.resolve(end)
    }
    const error = new TerminalError(isTerminalReason(end.reason) ? end.reason : 'CannotStart', plain(end.message))
    started.reject(error)
    ended.reject(error)
  }

  const read = frameReader(takeFrame)
  stream.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (error) {
      lose(new TerminalError('ProtocolBroken', (error as Error).message, error))
    }
  })
  stream.on('error', (error) => lose(new TerminalError('Disconnected', `the connection to the machine was lost: ${error.message}`, error)))
  stream.on('close', () => lose(new TerminalError('Disconnected', 'the connection to the machine was lost')))
  stream.on('end', () => lose(new TerminalError('Disconnected', 'the agent has ended the stream without saying how the terminal ended')))

  send(jsonFrame(frameTypes.open, { version: terminalVersion, ...request }))
  const { isRecorded } = await started.promise
  return {
    isRecorded,
    write(data) {
      if (isOver || isInputEnding || data.length === 0) return true
      input.push(data)
      flushInput()
      return input.length === 0
    },
    endInput() {
      isInputEnding = true
      flushInput()
    },
    resize: (columns, rows) => send(jsonFrame(frameTypes.resize, { columns, rows })),
    consumed(bytes) {
      if (bytes > unconsumedBytes) throw new FrameError('more was acknowledged than was sent')
      if (bytes === 0) return
      unconsumedBytes -= bytes
      send(creditFrame(frameTypes.outputCredit, bytes))
    },
    close() {
      input = []
      if (isOver) return
      isOver = true
      // The agent ends the processes when it hears this, or when the stream breaks.
      ended.reject(new TerminalError('Disconnected', 'the user has gone'))
      send(frame(frameTypes.close))
      stream.end()
      stream.resume()
    },
    ended: ended.promise,
  }
}

/** What an agent says is shown to users. */
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
