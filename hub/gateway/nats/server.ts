// The embedded nats-server: a child process that is started, watched, started again with backoff, and never left behind.
//
//   starting → ready → (exited → backoff → starting)*   any → stopped
//
// Where setpriv(1) exists the kernel ends the child together with the hub; otherwise the next start does (stale.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants, readdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Clock, type Timer, waitFor } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'
import { ensurePrivateDirectory, writeFileDurably } from '#hub/pki/files.ts'
import { endStaleServer } from './stale.ts'

export interface NatsAddress {
  host: string
  port: number
}

export interface NatsServer {
  /** Undefined while the server is down. */
  address(): NatsAddress | undefined
  /** Process id while there is a process. */
  pid(): number | undefined
  restarts(): number
  stop(): Promise<void>
}

export interface NatsServerOptions {
  directory: string
  binary?: string
  /** Called before each start, so that the server always begins with the newest account. */
  config(paths: { pidFile: string; portsDirectory: string; resolverDirectory: string }): Promise<string>
  onReady(address: NatsAddress): void
  /** Each line that the server logs. */
  onLogLine?(line: string): void
  clock: Clock
  random: () => number
  log: Log
}

const restartBackoff = { baseMs: 200, maxMs: 5_000 }
const readyTimeoutMs = 15_000
const stopTimeoutMs = 3_000
const binaryPlaces = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server', '/usr/local/sbin/nats-server']
const setprivPath = '/usr/bin/setpriv'
const maxLogLine = 500

/** Resolves when the server accepts connections for the first time. Throws OperatorError when it cannot be started. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { directory, clock, random, log } = options
  const binary = await findBinary(options.binary)
  const hasSetpriv = await isExecutable(setprivPath)
  const configPath = join(directory, 'server.conf')
  const paths = {
    pidFile: join(directory, 'server.pid'),
    portsDirectory: join(directory, 'ports'),
    resolverDirectory: join(directory, 'accounts'),
  }
  const stopping = new AbortController()
  let child: ChildProcess | undefined
  let exited: Promise<void> = Promise.resolve()
  let address: NatsAddress | undefined
  let restarts = 0
  let failures = 0
  let timer: Timer | undefined
  let starting: Promise<void> = Promise.resolve()

  const ended = await endStaleServer(paths.pidFile, configPath, clock)
  if (ended !== undefined) log.warn({ pid: ended }, 'ended a nats-server that an earlier run had left behind')

  const startOnce = async (): Promise<void> => {
    // Both are made anew: the configuration carries the newest accounts, and an older one here must not win over it.
    for (const path of [paths.resolverDirectory, paths.portsDirectory]) {
      await rm(path, { recursive: true, force: true })
      await ensurePrivateDirectory(path)
    }
    await writeFileDurably(configPath, await options.config(paths))
    if (stopping.signal.aborted) return
    const command = [binary, '-c', configPath]
    const [file = binary, ...args] = hasSetpriv ? [setprivPath, '--pdeathsig', 'KILL', '--', ...command] : command
    const started = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {}, cwd: directory })
    const lastLines: string[] = []
    forward(started.stdout, options, lastLines)
    forward(started.stderr, options, lastLines)
    child = started
    exited = new Promise((resolve) => {
      started.once('error', (error) => log.error({ error: error.message }, 'nats-server cannot be started'))
      started.once('close', (code, signal) => {
        // Before it was ready, startOnce reports the end and decides what comes next.
        const wasReady = address !== undefined
        address = undefined
        child = undefined
        resolve()
        if (stopping.signal.aborted || !wasReady) return
        log.error({ code, signal, lastLines }, 'nats-server has ended; starting it again')
        again()
      })
    })
    const isOver = exited.then(() => undefined)
    const found = await Promise.race([readAddress(started, paths.portsDirectory), isOver])
    if (found === undefined)
      throw new OperatorError(
        'NatsNotStarted',
        `nats-server ended at once: ${lastLines.at(-1) ?? 'it said nothing'}`,
        `Run \`${binary} -c ${configPath} -t\` to see why.`,
      )
    address = found
    failures = 0
    log.info({ port: found.port, pid: started.pid }, 'nats-server is ready')
    options.onReady(found)
  }

  const readAddress = async (started: ChildProcess, portsDirectory: string): Promise<NatsAddress | undefined> => {
    const end = clock.monotonicMs() + readyTimeoutMs
    while (started.exitCode === null && started.signalCode === null) {
      const name = (await readdir(portsDirectory)).find((entry) => entry.endsWith(`_${started.pid}.ports`))
      const text = name === undefined ? '' : await readFile(join(portsDirectory, name), 'utf8')
      const port = /"nats:\/\/[^"]*:(\d{1,5})"/.exec(text)?.[1]
      if (port !== undefined && (await answers(Number(port)))) return { host: '127.0.0.1', port: Number(port) }
      if (clock.monotonicMs() > end) {
        started.kill('SIGKILL')
        throw new OperatorError(
          'NatsNotStarted',
          'nats-server did not become ready',
          `Look at what it logs with \`${binary} -c ${configPath}\`.`,
        )
      }
      await waitFor(clock, 20)
    }
    return undefined
  }

  const again = (): void => {
    restarts += 1
    const delayMs = failures === 0 ? 0 : fullJitterMs(failures, random(), restartBackoff)
    failures += 1
    timer = clock.setTimer(delayMs, () => {
      starting = startOnce().catch((error: Error) => {
        if (stopping.signal.aborted) return
        log.error({ error: error.message }, 'nats-server could not be started again')
        again()
      })
    })
  }

  try {
    await startOnce()
  } catch (error) {
    stopping.abort()
    child?.kill('SIGKILL')
    await exited
    throw error
  }

  return {
    address: () => address,
    pid: () => child?.pid,
    restarts: () => restarts,
    async stop() {
      stopping.abort()
      timer?.cancel()
      child?.kill('SIGTERM')
      const force = clock.setTimer(stopTimeoutMs, () => child?.kill('SIGKILL'))
      // A start that is under way sees the signal, or its child has just been ended.
      await starting
      await exited
      force.cancel()
    },
  }
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )

async function findBinary(given: string | undefined): Promise<string> {
  for (const path of given === undefined ? binaryPlaces : [given]) if (await isExecutable(path)) return path
  throw new OperatorError(
    'NatsServerMissing',
    given === undefined ? 'nats-server is not installed on this machine.' : `There is no nats-server at ${given}.`,
    'Install it (`apt-get install nats-server`), or use an external one with --nats-url.',
  )
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const finish = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('data', () => finish(true))
    socket.once('error', () => finish(false))
    socket.once('close', () => finish(false))
  })
}

function forward(stream: Readable | null, { log, onLogLine }: Pick<NatsServerOptions, 'log' | 'onLogLine'>, lastLines: string[]): void {
  if (stream === null) return
  createInterface({ input: stream }).on('line', (raw) => {
    const line = raw.slice(0, maxLogLine)
    lastLines.push(line)
    if (lastLines.length > 5) lastLines.shift()
    onLogLine?.(line)
    if (/\[(ERR|FTL|WRN)\]/.test(line)) log.warn({ line }, 'nats-server')
    else log.debug({ line }, 'nats-server')
  })
}
