// Ends a nats-server that an earlier hub left behind in our own data directory, and nothing else: the pid in the file may
// belong to somebody else by now, so the process must have our configuration file in its command line.
import { readFile } from 'node:fs/promises'
import { type Clock, waitFor } from '#shared/clock/clock.ts'

const giveUpMs = 5_000

export async function isOurServer(pid: number, configPath: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return commandLine.split('\0').includes(configPath)
}

/** Returns the pid of the process it ended. Throws when that one does not go away. */
export async function endStaleServer(pidFile: string, configPath: string, clock: Clock): Promise<number | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '')
  const pid = /^\d{1,9}\s*$/.test(text) ? Number(text) : 0
  if (pid <= 1 || !(await isOurServer(pid, configPath))) return undefined
  process.kill(pid, 'SIGKILL')
  const end = clock.monotonicMs() + giveUpMs
  while (await isOurServer(pid, configPath)) {
    if (clock.monotonicMs() > end) throw new Error(`nats-server with pid ${pid} from an earlier run does not end`)
    await waitFor(clock, 20)
  }
  return pid
}
