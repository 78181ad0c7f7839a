// Child processes of tests: what they print is kept for the failure message, and none of them outlives its test.
import { spawn, type ChildProcess } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { until } from './until.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Program {
  child: ChildProcess
  pid: number
  /** What it has printed so far. */
  stdout(): string
  stderr(): string
  /** Resolves when it has ended and closed its streams. */
  exited: Promise<Exit>
  isRunning(): boolean
  kill(signal?: NodeJS.Signals): void
  /** SIGTERM, and SIGKILL when it is still there after `graceMs`. */
  stop(graceMs?: number): Promise<Exit>
  /** Waits for a line on stdout that `pick` turns into something. */
  line<T>(what: string, pick: (line: string) => T | undefined, timeoutMs?: number): Promise<T>
}

export interface ProgramOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  stdin?: 'ignore' | 'pipe'
}

/** Starts `program` in a process group of its own; at the end of the test the whole group is gone, or the test fails. */
export async function startProgram(t: Owner, program: string, args: readonly string[], options: ProgramOptions = {}): Promise<Program> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  // A program that ends without reading its input tells why by its exit code.
  child.stdin?.on('error', () => {})
  let end: Exit | undefined
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve((end = { code, signal }))))
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const pid = child.pid as number
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const self: Program = {
    child,
    pid,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    isRunning,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    async stop(graceMs = 10_000) {
      if (isRunning()) {
        child.kill('SIGTERM')
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
        await new Promise((resolve) => (isRunning() ? child.once('exit', resolve) : resolve(undefined)))
        clearTimeout(timer)
      }
      return exited
    },
    line: (what, pick, timeoutMs = 30_000) =>
      until(
        `${what} from ${program} ${args.join(' ')}`,
        () => {
          for (const line of output.stdout.split('\n').slice(0, -1)) {
            const value = pick(line)
            if (value !== undefined) return { value }
          }
          if (end)
            throw new Error(
              `it ended with ${JSON.stringify(end)}; stdout: ${output.stdout.slice(-2000)} stderr: ${output.stderr.slice(-4000)}`,
            )
          return undefined
        },
        { timeoutMs },
      ).then((found) => found.value),
  }
  t.teardown(async () => {
    if (isRunning()) child.kill('SIGTERM')
    const timer = setTimeout(() => killGroup(pid), 10_000)
    await new Promise((resolve) => (isRunning() ? child.once('exit', resolve) : resolve(undefined)))
    clearTimeout(timer)
    const left = await groupMembers(pid)
    if (left.length > 0) {
      killGroup(pid)
      throw new Error(`${program} left processes behind: ${left.join('; ')}`)
    }
  })
  return self
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Command lines of the live processes whose process group is `group`. */
export async function groupMembers(group: number): Promise<string[]> {
  const members: string[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(goneIsEmpty)
    // After the program's name in parentheses: state, parent, process group.
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(processGroup) !== group || state === 'Z') continue
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(goneIsEmpty)
    members.push(`${name} ${command.replaceAll('\0', ' ').trim()}`)
  }
  return members
}

/** A process may end between the listing and the read. */
function goneIsEmpty(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
  throw error
}
