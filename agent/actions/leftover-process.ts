// Finds and ends a process that an earlier run of the agent spawned. A pid may have been given to another program since, so a
// process counts as ours only by its start time or by the marker in its environment.
import type { Clock } from '#shared/clock/clock.ts'
import { waitFor } from '#shared/clock/clock.ts'
import type { Host } from '#agent/host/types.ts'
import type { SpawnRemains } from './types.ts'

const markerName = 'MOORLINE_TASK'
const graceMs = 5_000
const pollMs = 50

export function taskMarker(taskUid: string, attempt: number): Record<string, string> {
  return { [markerName]: `${taskUid}.${attempt}` }
}

/** Field 22 of /proc/PID/stat (proc(5)); '' when the process is gone. The name in field 2 may contain spaces and parentheses. */
export async function startTimeOf(host: Host, pid: number): Promise<string> {
  const stat = await readQuietly(host.readText(`/proc/${pid}/stat`))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

async function readQuietly(reading: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await reading
  } catch {
    // Reading /proc races with the process: gone (ESRCH) or not ours to read (EACCES) both mean that there is nothing to see.
    return undefined
  }
}

async function groupsOf(host: Host, { taskUid, attempt, pid, startTime }: SpawnRemains): Promise<Set<number>> {
  const groups = new Set<number>()
  const marker = `${markerName}=${taskUid}.${attempt}`
  if (pid > 1 && startTime !== '' && (await startTimeOf(host, pid)) === startTime) groups.add(pid)
  // Also what the pid does not lead to: the agent died before it knew the pid, or the leader has ended and left children.
  for (const name of (await host.list('/proc')) ?? []) {
    if (!/^[0-9]+$/.test(name)) continue
    const environment = await readQuietly(host.readText(`/proc/${name}/environ`))
    if (!environment?.split('\0').includes(marker)) continue
    const stat = await readQuietly(host.readText(`/proc/${name}/stat`))
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
    const group = Number(fields[2])
    // A zombie has ended; it only waits for its parent.
    if (group > 1 && fields[0] !== 'Z') groups.add(group)
  }
  return groups
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** SIGTERM, then SIGKILL after 5 s. Returns a sentence for the task's log. */
export async function endProcessOf(host: Host, clock: Clock, remains: SpawnRemains): Promise<string> {
  const end = clock.monotonicMs() + graceMs
  let groups = await groupsOf(host, remains)
  if (groups.size === 0) return 'nothing is left of the program that the agent had started before it was restarted'
  const found = [...groups].join(', ')
  for (const group of groups) signalGroup(group, 'SIGTERM')
  while (groups.size > 0 && clock.monotonicMs() < end) {
    await waitFor(clock, pollMs)
    groups = await groupsOf(host, remains)
  }
  for (const group of groups) signalGroup(group, 'SIGKILL')
  return `the program that the agent had started before it was restarted was ended (process group ${found})`
}
