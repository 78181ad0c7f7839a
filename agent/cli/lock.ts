// One agent process per state directory. A file names the holder by pid and start time, so that a pid given to another process
// after a crash does not keep the directory locked.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePrivateDirectory, privateFileMode, readIfThere } from '#agent/enroll/files.ts'
import { AgentError } from '#shared/errors/agent-error.ts'

/** Returns the way to let go. @throws AgentError AgentRunning */
export function lockStateDirectory(stateDir: string, pid: number): () => void {
  ensurePrivateDirectory(stateDir)
  const path = join(stateDir, 'agent.pid')
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(path, 'wx', privateFileMode)
      writeSync(handle, `${pid} ${startTimeOf(pid) ?? ''}\n`)
      closeSync(handle)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const [holder = '', startTime = ''] = (readIfThere(path) ?? '').trim().split(' ')
      if (/^\d+$/.test(holder) && startTime !== '' && startTimeOf(Number(holder)) === startTime && attempt < 3) {
        throw new AgentError('AgentRunning', `process ${holder} uses ${stateDir}`)
      }
      rmSync(path, { force: true })
    }
  }
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
