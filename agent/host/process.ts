// Processes of the machine: no shell, own process group, bounded output, ended as a group.
import { type ChildProcess, spawn as spawnChild } from 'node:child_process'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import type { Host, ProcessResult, SpawnOptions } from './types.ts'

const killGraceMs = 5_000
const groupPollMs = 25
/** After the program itself has ended, a background child may keep its pipes open; output is waited for this long. */
const drainMs = 1_000
const defaultTimeoutMs = 30_000
const defaultMaxOutputBytes = 1024 * 1024

interface Deps {
  clock: Clock
  environment: Readonly<Record<string, string | undefined>>
  which: Host['which']
}
interface Ended {
  exitCode: number | null
  signal: string | null
}

export function createProcesses(deps: Deps): Pick<Host, 'run' | 'spawn'> {
  return {
    spawn: (program, args, options) => start(deps, program, args, options),
    run: (program, args, options) => collect(deps, program, args, options ?? {}),
  }
}

/** Missing programs are a result, so a check can say "not installed" without a try. */
async function collect(
  deps: Deps,
  program: string,
  args: readonly string[],
  options: NonNullable<Parameters<Host['run']>[2]>,
): Promise<ProcessResult> {
  const path = await deps.which(program)
  const result: ProcessResult = { exitCode: null, signal: null, stdout: '', stderr: '', isTimedOut: false, isMissing: path === undefined }
  if (path === undefined) return result
  const maxBytes = options.maxOutputBytes ?? defaultMaxOutputBytes
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  const left = { stdout: maxBytes, stderr: maxBytes }
  const abort = new AbortController()
  let timer: Timer | undefined
  try {
    const ended = await start(deps, path, args, {
      env: options.env,
      stdin: options.stdin,
      signal: abort.signal,
      // From the start of the program: on a busy machine the way there must not count as its time.
      onSpawn() {
        timer = deps.clock.setTimer(options.timeoutMs ?? defaultTimeoutMs, () => {
          result.isTimedOut = true
          abort.abort()
        })
      },
      onOutput(stream, data) {
        // What is over the bound is read and dropped, so the program does not block on a full pipe.
        const taken = data.subarray(0, left[stream])
        left[stream] -= taken.length
        if (taken.length > 0) kept[stream].push(taken)
      },
    })
    return { ...result, ...ended, stdout: Buffer.concat(kept.stdout).toString('utf8'), stderr: Buffer.concat(kept.stderr).toString('utf8') }
  } finally {
    timer?.cancel()
  }
}

async function start(deps: Deps, program: string, args: readonly string[], options: SpawnOptions): Promise<Ended> {
  const path = await deps.which(program)
  if (path === undefined) throw Object.assign(new Error(`no program ${program} in PATH`), { code: 'ENOENT' })
  options.signal?.throwIfAborted()
  const env = { ...deps.environment, ...options.env } as Record<string, string>
  const child = spawnChild(path, [...args], { cwd: options.cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  return supervise(deps.clock, child, options)
}

function supervise(clock: Clock, child: ChildProcess, options: SpawnOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const timers = new Set<Timer>()
    const after = (delayMs: number, run: () => void) => {
      timers.add(clock.setTimer(delayMs, run))
    }
    let ended: Ended | undefined
    let isAborted = false
    let isSettled = false
    const finish = () => {
      if (isSettled || ended === undefined) return
      // An aborted group is over only when its last process is: a grandchild may still be handling SIGTERM.
      if (isAborted && signalGroup(child, 0)) return after(groupPollMs, finish)
      isSettled = true
      for (const timer of timers) timer.cancel()
      options.signal?.removeEventListener('abort', onAbort)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve(ended)
    }
    const onAbort = () => {
      isAborted = true
      signalGroup(child, 'SIGTERM')
      after(killGraceMs, () => signalGroup(child, 'SIGKILL'))
    }
    child.once('error', (error) => {
      options.signal?.removeEventListener('abort', onAbort)
      if (child.pid === undefined) reject(error)
    })
    child.once('exit', (exitCode, signal) => {
      ended = { exitCode, signal }
      after(drainMs, finish)
    })
    child.once('close', finish)
    child.stdout?.on('data', (data: Buffer) => options.onOutput('stdout', data))
    child.stderr?.on('data', (data: Buffer) => options.onOutput('stderr', data))
    // A program that ends without reading its input breaks the pipe; its exit code tells the story.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.stdin ?? '')
    if (child.pid === undefined) return
    if (options.signal?.aborted) onAbort()
    else options.signal?.addEventListener('abort', onAbort, { once: true })
    options.onSpawn?.(child.pid)
  })
}

/** False when the group has no process left. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false
  try {
    process.kill(-child.pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
