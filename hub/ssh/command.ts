// Commands over one connection: bounded output, time limits, standard input from a text or a stream.
import type { Readable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { SshFailure } from './failure.ts'
import { createLines } from './lines.ts'

export interface CommandOptions {
  /** For messages: what this is. */
  what: string
  /** Written first. */
  stdin?: string
  /** Written after `stdin`, as fast as the server takes it. */
  input?: Readable
  /** Standard input stays open until the command has ended: its end tells the machine that the hub is gone. */
  isInputHeld?: boolean
  timeoutMs: number
  /** Ends the command's standard input, then, after a grace, the channel; what is thrown is the signal's reason. */
  signal: AbortSignal
  graceMs?: number
  onLine?(stream: 'stdout' | 'stderr', line: string): void
  /** Called with bytes of `input` that the server has taken so far. */
  onInput?(sizeBytes: number): void
}

export interface Ran {
  code: number
  /** Without the ends of over-long outputs. */
  stdout: string
  stderr: string
}

export interface SshCommands {
  /** Resolves with any exit code. @throws SshFailure ConnectionLost, StepTimedOut; the signal's reason */
  run(command: string, options: CommandOptions): Promise<Ran>
}

const keptBytes = 64 * 1024
const killGraceMs = 15_000

export function createCommands(client: Client, closed: Promise<never>, clock: Clock): SshCommands {
  return {
    async run(command, options) {
      options.signal.throwIfAborted()
      const ran = new Promise<Ran>((resolve, reject) =>
        client.exec(command, (error, channel) => {
          if (error) reject(new SshFailure('CommandRefused', `the server does not start commands for this user: ${error.message}`, error))
          // At once, not a tick later: the end of a short command may be in the packet that said it was started.
          else finish(channel, options, clock).then(resolve, reject)
        }),
      )
      return Promise.race([closed, ran])
    },
  }
}

async function finish(channel: ClientChannel, options: CommandOptions, clock: Clock): Promise<Ran> {
  const { signal, timeoutMs, what, graceMs = killGraceMs } = options
  const timeout = new AbortController()
  const timer = clock.setTimer(timeoutMs, () => timeout.abort())
  const stop = AbortSignal.any([signal, timeout.signal])
  let exit: number | string | undefined
  const kept = { stdout: '', stderr: '' }
  const take = (name: 'stdout' | 'stderr', stream: Readable) => {
    const lines = createLines((line) => options.onLine?.(name, line))
    stream.setEncoding('utf8').on('data', (text: string) => {
      kept[name] = (kept[name] + text).slice(0, keptBytes)
      lines.add(text)
    })
    stream.on('end', () => lines.end())
  }
  take('stdout', channel)
  take('stderr', channel.stderr)
  channel.on('exit', (code: number | null, name?: string) => {
    exit = code ?? name ?? 'signal'
  })
  const ended = new Promise<void>((resolve) => channel.once('close', () => resolve()))
  let killer: Timer | undefined
  const onStop = () => {
    channel.end()
    killer = clock.setTimer(graceMs, () => channel.close())
  }
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()
  try {
    // The command may end before it has read everything; its exit code says whether that was right.
    const fed = feed(channel, options, stop).catch((error: unknown) => (stop.aborted ? undefined : error))
    await ended
    const broken = await fed
    signal.throwIfAborted()
    if (timeout.signal.aborted) throw new SshFailure('StepTimedOut', `${what} took longer than ${timeoutMs / 1000} s`)
    if (exit === undefined) throw new SshFailure('ConnectionLost', `the connection ended before ${what} did`)
    if (typeof exit === 'string')
      throw new SshFailure('CommandKilled', `${what} was ended on the machine by SIG${exit.replace(/^SIG/, '')}`)
    if (exit === 0 && broken !== undefined) throw new SshFailure('ConnectionLost', `${what} did not get all of its input`, broken)
    return { code: exit, ...kept }
  } finally {
    stop.removeEventListener('abort', onStop)
    timer.cancel()
    killer?.cancel()
  }
}

async function feed(channel: ClientChannel, { stdin, input, isInputHeld, onInput }: CommandOptions, stop: AbortSignal): Promise<void> {
  const ended = new Promise<never>((_resolve, reject) => channel.once('close', () => reject(new Error('the channel was closed'))))
  ended.catch(() => {
    // Only who waits for room wants to know.
  })
  channel.on('error', () => {
    // Its close says the same, with the exit code.
  })
  if (stdin) channel.write(stdin)
  let sizeBytes = 0
  if (input)
    for await (const chunk of input) {
      stop.throwIfAborted()
      const hasRoom = channel.write(chunk)
      if (!hasRoom) await Promise.race([new Promise((resolve) => channel.once('drain', resolve)), ended])
      sizeBytes += (chunk as Buffer).byteLength
      onInput?.(sizeBytes)
    }
  if (!isInputHeld) channel.end()
}
