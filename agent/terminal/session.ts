// One terminal on the agent's side of its tunnel stream.
//
//   waiting   entry: the stream was accepted.   exits: running (an open frame that the policy allows), over
//   running   entry: the process is there.      exits: over (it exits, or anything below)
//   over      The stream's end, its loss, a broken rule, no input for too long, a recording that fails, and the agent's stop each end
//             every process of the session. The hub is told how it ended, after the last output.
//
// Nothing is held beyond the windows: output that the hub has not asked for stays in the kernel, and the process waits.
import type { Duplex } from 'node:stream'
import type { TerminalExit, TerminalLaunch, TerminalProcess } from '#agent/host/terminal.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import {
  type FrameType,
  frameTypes,
  outputWindowBytes,
  type TerminalEnded,
  terminalLimits,
  TerminalOpen,
  TerminalSize,
  terminalVersion,
} from '#shared/contract/terminal.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'
import type { Log } from '#shared/log/log.ts'
import { creditFrame, frame, FrameError, frameReader, jsonFrame, readCredit, readJson } from '#shared/terminal/frames.ts'
import type { Recording } from './recording.ts'

export interface SessionOptions {
  stream: Duplex
  idleMs: number
  /** @throws TerminalError */
  prepare(open: TerminalOpen, onRecordingFailure: (error: TerminalError) => void): Promise<Prepared>
  clock: Clock
  log: Log
  /** Called once, when no process is left. */
  onOver(): void
}

export interface Prepared {
  start(onOutput: TerminalLaunch['onOutput']): TerminalProcess
  recording?: Recording
}

export interface Session {
  /** Ends it for this reason; resolves when no process is left. */
  end(error: TerminalError): Promise<void>
}

export function serveSession({ stream, idleMs, prepare, clock, log, onOver }: SessionOptions): Session {
  const over = Promise.withResolvers<void>()
  let open: TerminalOpen | undefined
  let process: TerminalProcess | undefined
  let recording: Recording | undefined
  let ending: TerminalError | undefined
  let timer: Timer | undefined
  let usedMs = clock.monotonicMs()
  let creditBytes = 0
  let inFlightBytes = 0
  let isFinished = false
  let isRecordingBehind = false
  const waiting: { type: FrameType; data: Buffer }[] = []

  const send = (bytes: Buffer): void => {
    if (!stream.destroyed && stream.writable) stream.write(bytes)
  }
  /** The last word; the stream's own end follows it. */
  const finish = (ended: TerminalEnded): void => {
    if (isFinished) return
    isFinished = true
    timer?.cancel()
    send(jsonFrame(frameTypes.ended, ended))
    if (!stream.destroyed) stream.end()
    over.resolve()
    onOver()
  }
  const stop = (error: TerminalError): Promise<void> => {
    ending ??= error
    if (process) process.end()
    // Without a process nothing else will say that it is over; one that is being prepared finds `ending` set.
    else if (!open) finish({ reason: error.reason, message: error.message })
    // What waits for a reader must not keep the end of the session waiting.
    waiting.length = 0
    process?.resume()
    return over.promise
  }

  const flush = (): void => {
    for (let next = waiting[0]; next !== undefined && creditBytes > 0 && !ending; next = waiting[0]) {
      const data = next.data.subarray(0, Math.min(creditBytes, terminalLimits.dataBytes))
      creditBytes -= data.length
      send(frame(next.type, data))
      if (data.length < next.data.length) next.data = next.data.subarray(data.length)
      else waiting.shift()
    }
    if (waiting.length === 0 && !isRecordingBehind) process?.resume()
  }
  const onOutput = (name: 'stdout' | 'stderr', data: Buffer): void => {
    if (!open?.tty) usedMs = clock.monotonicMs()
    if (recording?.output(name, data) === false) isRecordingBehind = true
    if (ending) return
    waiting.push({ type: frameTypes[name], data })
    flush()
    if (waiting.length > 0 || isRecordingBehind) process?.pause()
  }

  const watchIdle = (): void => {
    const leftMs = usedMs + idleMs - clock.monotonicMs()
    if (leftMs <= 0) void stop(new TerminalError('Idle', `it was ended after ${Math.round(idleMs / 1000)} s without use`))
    else timer = clock.setTimer(leftMs, watchIdle, true)
  }

  const begin = async (asked: TerminalOpen): Promise<void> => {
    if (asked.version !== terminalVersion)
      throw new TerminalError('ProtocolBroken', `this agent speaks version ${terminalVersion} of the terminal`)
    const prepared = await prepare(asked, (error) => void stop(error))
    recording = prepared.recording
    if (ending) throw ending
    creditBytes = outputWindowBytes(asked.tty)
    process = prepared.start(onOutput)
    recording?.onDrain(() => {
      isRecordingBehind = false
      flush()
    })
    send(jsonFrame(frameTypes.started, { isRecorded: recording !== undefined }))
    if (!asked.stdin && !asked.tty) process.endInput()
    timer?.cancel()
    usedMs = clock.monotonicMs()
    watchIdle()
    await process.exited.then(conclude)
  }
  const conclude = async (exit: TerminalExit): Promise<void> => {
    if (exit.left.length > 0) log.warn({ pids: exit.left }, 'terminal: processes could not be ended')
    await recording?.close()
    // The reader takes its time: what it asked for comes first, then the end.
    const tell = () => finish(endedOf(exit, ending))
    if (waiting.length === 0 || ending || stream.destroyed) return tell()
    const look = () => {
      if (waiting.length === 0 || ending || stream.destroyed) tell()
      else timer = clock.setTimer(20, look, true)
    }
    timer?.cancel()
    look()
  }
  const fail = async (error: unknown): Promise<void> => {
    const known = error instanceof TerminalError ? error : new TerminalError('CannotStart', messageOf(error), error)
    log.info({ reason: known.reason, message: known.message }, 'terminal: refused')
    await recording?.close()
    finish({ reason: known.reason, message: known.message.slice(0, 1024) })
  }

  const takeInput = (data: Buffer): void => {
    inFlightBytes += data.length
    if (inFlightBytes > terminalLimits.inputWindowBytes) throw new FrameError('more input than was allowed')
    usedMs = clock.monotonicMs()
    void process?.write(data).then(() => {
      inFlightBytes -= data.length
      if (!isFinished) send(creditFrame(frameTypes.inputCredit, data.length))
    })
  }
  const takeFrame = (type: FrameType, payload: Buffer): void => {
    if (isFinished || ending) return
    if (type === frameTypes.close) return void stop(new TerminalError('Disconnected', 'the user has gone'))
    if (type === frameTypes.open) {
      if (open) throw new FrameError('a second open frame')
      open = readJson(TerminalOpen, payload)
      begin(open).catch(fail)
      return
    }
    // The hub hears that it has started before it sends anything.
    if (!process) throw new FrameError('a frame before the session has started')
    if (type === frameTypes.input) takeInput(payload)
    else if (type === frameTypes.inputEnd) process.endInput()
    else if (type === frameTypes.resize) {
      const { columns, rows } = readJson(TerminalSize, payload)
      process.resize(columns, rows)
      recording?.resize(columns, rows)
    } else if (type === frameTypes.outputCredit) {
      creditBytes += readCredit(payload)
      if (creditBytes > outputWindowBytes(open?.tty === true)) throw new FrameError('more credit than there is output')
      flush()
    } else throw new FrameError(`a frame of the type ${type} from a hub`)
  }

  const read = frameReader(takeFrame)
  stream.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'terminal: the hub does not keep to the protocol')
      void stop(new TerminalError('ProtocolBroken', messageOf(error)))
    }
  })
  const gone = () => void stop(new TerminalError('Disconnected', 'the connection was lost'))
  stream.on('end', gone)
  stream.on('error', gone)
  stream.on('close', gone)
  timer = clock.setTimer(terminalLimits.openMs, () => void stop(new TerminalError('ProtocolBroken', 'nothing was asked for')), true)
  return { end: stop }
}

function endedOf({ exitCode, signal }: TerminalExit, ending: TerminalError | undefined): TerminalEnded {
  if (ending) return { reason: ending.reason, message: ending.message.slice(0, 1024) }
  if (signal !== null) return { reason: 'Exited', message: `ended by ${signal}`, signal }
  return { reason: 'Exited', message: `ended with exit code ${exitCode ?? 0}`, exitCode: exitCode ?? 0 }
}
