// One process with its own session for somebody who sits at the other end: in a terminal, or with three pipes. Output is read only as
// fast as it is taken, input is written only as fast as it is read, and at the end no process of the session is left.
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import type { Clock } from '#shared/clock/clock.ts'
import { endSession } from './process-session.ts'
import type { PtyAddon } from './pty-addon.ts'

export interface TerminalLaunch {
  program: string
  args: readonly string[]
  environment: Readonly<Record<string, string>>
  /** Set: in a terminal of this size. */
  size?: { columns: number; rows: number }
  onOutput(stream: 'stdout' | 'stderr', data: Buffer): void
}

export interface TerminalExit {
  exitCode: number | null
  signal: string | null
  /** Processes that could not be ended. */
  left: readonly number[]
}

export interface TerminalProcess {
  readonly pid: number
  pause(): void
  resume(): void
  /** Resolves when the process could read it; at once when it has ended. */
  write(data: Buffer): Promise<void>
  /** Ctrl-D in a terminal, the end of the pipe otherwise. */
  endInput(): void
  resize(columns: number, rows: number): void
  /** Ends the whole session. */
  end(): void
  /** Resolves after the last output, when no process of the session is left. */
  exited: Promise<TerminalExit>
}

interface Io {
  pid: number
  outputs: readonly Readable[]
  write(data: Buffer): Promise<void>
  endInput(): void
  resize(columns: number, rows: number): void
  exit: Promise<{ exitCode: number | null; signal: string | null }>
}

const retryMs = 10
/** Somebody outside the session may keep its output open: it is over when nothing came for this long. */
const quietMs = 200
const quietTurnsMost = 25
const endOfInput = Buffer.from([4])

export function startTerminalProcess(launch: TerminalLaunch, clock: Clock, loadAddon: () => PtyAddon): TerminalProcess {
  const io = launch.size ? inTerminal(launch, launch.size, loadAddon(), clock) : withPipes(launch)
  let isPaused = false
  let ending: Promise<number[]> | undefined
  let heard = 0
  const end = () => (ending ??= endSession(io.pid, clock))
  for (const [index, output] of io.outputs.entries()) {
    output.on('data', (data: Buffer) => {
      heard += 1
      launch.onOutput(index === 0 ? 'stdout' : 'stderr', data)
    })
    // The end of a terminal is an error (EIO); 'close' follows either way.
    output.on('error', () => undefined)
  }
  const closed = Promise.all(io.outputs.map((output) => new Promise<void>((resolve) => output.once('close', resolve))))

  const settle = async (): Promise<TerminalExit> => {
    const exit = await io.exit
    const left = await end()
    const quiet = Promise.withResolvers<void>()
    let heardBefore = -1
    let turns = 0
    const look = () => {
      if (!isPaused && (heard === heardBefore || ++turns > quietTurnsMost)) return quiet.resolve()
      heardBefore = heard
      timer = clock.setTimer(quietMs, look, true)
    }
    let timer = clock.setTimer(quietMs, look, true)
    await Promise.race([closed, quiet.promise])
    timer.cancel()
    for (const output of io.outputs) output.destroy()
    return { ...exit, left }
  }

  return {
    pid: io.pid,
    pause() {
      isPaused = true
      for (const output of io.outputs) output.pause()
    },
    resume() {
      isPaused = false
      for (const output of io.outputs) output.resume()
    },
    write: io.write,
    endInput: io.endInput,
    resize: io.resize,
    end: () => void end(),
    exited: settle(),
  }
}

function inTerminal(
  { program, args, environment }: TerminalLaunch,
  size: { columns: number; rows: number },
  addon: PtyAddon,
  clock: Clock,
): Io {
  const exit = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>()
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const { fd, pid } = addon.fork(program, args, pairs, '/', size.columns, size.rows, -1, -1, true, '', (exitCode, signal) =>
    exit.resolve(signal === 0 ? { exitCode, signal: null } : { exitCode: null, signal: signalName(signal) }),
  )
  const output = new ReadStream(fd)
  let isOpen = true
  output.once('close', () => (isOpen = false))

  // Synchronous on a descriptor that never blocks: a write that waits in a thread could meet the number of another file.
  const put = (data: Buffer): number => {
    try {
      return writeSync(fd, data)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
      // EIO: nobody will read any more.
      return data.length
    }
  }
  let queue = Promise.resolve()
  const writeAll = (data: Buffer): Promise<void> =>
    new Promise((resolve) => {
      let at = 0
      const go = () => {
        while (isOpen && at < data.length) {
          const written = put(data.subarray(at))
          at += written
          if (written === 0) return void clock.setTimer(retryMs, go, true)
        }
        resolve()
      }
      go()
    })
  const write = (data: Buffer) => (queue = queue.then(() => writeAll(data)))
  return {
    pid,
    outputs: [output],
    write,
    endInput: () => void write(endOfInput),
    resize(columns, rows) {
      if (isOpen) addon.resize(fd, columns, rows, 0, 0)
    },
    exit: exit.promise,
  }
}

function withPipes({ program, args, environment }: TerminalLaunch): Io {
  const exit = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>()
  const child = spawn(program, [...args], { env: environment, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  if (child.pid === undefined) {
    // The reason follows as an event that nobody waits for.
    child.on('error', () => undefined)
    throw new Error(`${program} cannot be started`)
  }
  child.once('exit', (exitCode, signal) => exit.resolve({ exitCode, signal }))
  const input: Writable = child.stdin
  // A program that ends without reading its input breaks the pipe; its exit code tells the story.
  input.on('error', () => undefined)
  return {
    pid: child.pid,
    outputs: [child.stdout, child.stderr],
    write: (data) => new Promise((resolve) => void (input.destroyed ? resolve() : input.write(data, () => resolve()))),
    endInput: () => void input.end(),
    resize: () => undefined,
    exit: exit.promise,
  }
}

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `SIG${number}`
