// Processes that outlive the command that started them. A pid file has the start time beside the pid: a number that was given to another
// process since is never ended.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bed } from './bed.ts'

const pidFile = (bed: Bed, name: string): string => join(bed.run, `${name}.pid`)
export const logFileOf = (bed: Bed, name: string): string => join(bed.run, `${name}.log`)

export async function startDaemon(
  bed: Bed,
  name: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  await mkdir(bed.run, { recursive: true })
  const log = openSync(logFileOf(bed, name), 'w')
  const [program = '', ...args] = command
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env })
  await once(child, 'spawn')
  child.unref()
  const pid = child.pid as number
  await writeFile(pidFile(bed, name), `${pid} ${await startTime(pid)}\n`)
  return pid
}

/** Undefined when it does not run. */
export async function daemonPid(bed: Bed, name: string): Promise<number | undefined> {
  const [pid, started] = (await readOr(pidFile(bed, name), '')).trim().split(' ')
  return pid && started && (await startTime(Number(pid))) === started ? Number(pid) : undefined
}

/** SIGTERM to its process group, SIGKILL after `graceMs`. */
export async function stopDaemon(bed: Bed, name: string, graceMs = 5_000): Promise<void> {
  const end = performance.now() + graceMs
  let signal: NodeJS.Signals = 'SIGTERM'
  for (let pid = await daemonPid(bed, name); pid !== undefined; pid = await daemonPid(bed, name)) {
    try {
      process.kill(-pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await delay(50)
    if (performance.now() > end) signal = 'SIGKILL'
  }
  await rm(pidFile(bed, name), { force: true })
}

/** In clock ticks since boot; empty when there is no such process, or only its zombie. */
async function startTime(pid: number): Promise<string> {
  const stat = await readOr(`/proc/${pid}/stat`, '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? '' : (fields[19] ?? '')
}

async function readOr(path: string, fallback: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return fallback
    throw error
  })
}
