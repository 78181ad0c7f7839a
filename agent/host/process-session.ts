// Ends every process of a session (setsid(2)), background jobs with their own process groups included.
import { readdir, readFile } from 'node:fs/promises'
import { type Clock, waitFor } from '#shared/clock/clock.ts'

const pollMs = 25
/** After SIGHUP, which says that the terminal is gone. */
const hangUpMs = 1_000
/** After SIGKILL a process that does not go is waiting for the kernel. */
const killMs = 3_000

/** SIGHUP and SIGCONT, then SIGKILL; resolves when none is left, or with those that the kernel does not let go. */
export async function endSession(session: number, clock: Clock): Promise<number[]> {
  const startedMs = clock.monotonicMs()
  let left = await membersOf(session)
  signal(left, 'SIGHUP')
  signal(left, 'SIGCONT')
  while (left.length > 0) {
    const passedMs = clock.monotonicMs() - startedMs
    if (passedMs > hangUpMs + killMs) return left
    await waitFor(clock, pollMs)
    left = await membersOf(session)
    if (passedMs > hangUpMs) signal(left, 'SIGKILL')
  }
  return left
}

/** Pids of the session that are not dead. */
export async function membersOf(session: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))
  const found = await Promise.all(names.map(async (name) => ((await sessionOf(name)) === session ? Number(name) : undefined)))
  return found.filter((pid) => pid !== undefined)
}

/** proc(5): pid (name) state ppid pgrp session; the name may have spaces and brackets. */
async function sessionOf(pid: string): Promise<number | undefined> {
  let stat: string
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // It has ended since the directory was read.
    return undefined
  }
  const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? undefined : Number(session)
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended by itself, or became another user whom this agent may not signal: the next look shows which.
    }
  }
}
