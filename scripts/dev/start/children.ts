// The processes that `npm start` owns. Each has a process group of its own, so that a Ctrl-C reaches only us and we end
// them in order; and each is told by the kernel when we die without having had the chance (setpriv, from util-linux).
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { MemorySettings } from '#shared/contract/memory.ts'
import { repositoryRoot } from '../root.ts'

const setpriv = '/usr/bin/setpriv'
const keptLines = 40

export interface Child {
  name: string
  process: ChildProcess
  /** Resolves when it has ended; what it started may still hold its output open. */
  exited: Promise<unknown>
  /** Resolves with how it ended, in words, once its output was read to the end. */
  ended: Promise<string>
  isRunning(): boolean
  /** The last lines that it wrote to stderr. */
  lastWords(): string
}

export interface ChildOptions {
  memory?: MemorySettings
  /** stderr is appended to it. */
  logFile: string
  onLine?(line: string): void
}

/** Starts `node script args…` with the Node that runs this. */
export function startChild(name: string, script: string, args: readonly string[], { logFile, memory, onLine }: ChildOptions): Child {
  const command = [process.execPath, ...(memory?.flags ?? []), script, ...args]
  const [program = '', ...rest] = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'TERM', '--', ...command] : command
  const child = spawn(program, rest, {
    cwd: repositoryRoot,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...memory?.environment },
  })
  const words: string[] = []
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.write(`${line}\n`)
    words.push(line)
    if (words.length > keptLines) words.shift()
  })
  createInterface({ input: child.stdout }).on('line', (line) => onLine?.(line))
  const exited = new Promise((resolve) => {
    child.once('error', resolve)
    child.once('exit', resolve)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`))
    child.once('close', (code, signal) => {
      log.end()
      resolve(signal ? `ended by ${signal}` : `ended with exit code ${code}`)
    })
  })
  return {
    name,
    process: child,
    exited,
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    lastWords: () => words.join('\n'),
  }
}

/** SIGTERM, then SIGKILL to its whole group when it has not ended after `graceMs`. What it started and left behind ends, too. */
export async function stopChild(child: Child, graceMs: number): Promise<void> {
  const { pid } = child.process
  if (pid === undefined || !child.isRunning()) return
  child.process.kill('SIGTERM')
  const timer = setTimeout(() => killGroup(pid), graceMs)
  await child.exited
  clearTimeout(timer)
  killGroup(pid)
  await child.ended
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Nobody is left in it, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
