// Runs one program with arguments. Never a shell, never twice: what was interrupted says so.
import type { Clock } from '#shared/clock/clock.ts'
import type { ExecInput } from '#shared/contract/actions.ts'
import { limits } from '#shared/contract/limits.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Host } from '#agent/host/types.ts'
import { endProcessOf, startTimeOf, taskMarker } from './leftover-process.ts'
import { type Action, ActionError, type ActionContext } from './types.ts'

export interface ExecResult {
  exitCode: number | null
  signal: string | null
  /** All that the program printed, also what was not kept. */
  outputBytes: number
  /** Set when the log ends before the output did. */
  isOutputTruncated?: boolean
}

export function createExecAction(host: Host, clock: Clock): Action {
  return {
    name: 'exec',
    isMutating: true,
    afterCrash: 'interrupt',
    run: (input, context) => run(host, input as ExecInput, context),
    endRemains: (remains) => endProcessOf(host, clock, remains),
  }
}

async function run(host: Host, input: ExecInput, context: ActionContext): Promise<ExecResult> {
  const [program = '', ...args] = input.command
  const forward = createForwarder(context)
  let marking: Promise<void> | undefined
  context.beforeSpawn()
  const ended = await host
    .spawn(program, args, {
      cwd: input.workingDirectory,
      env: { ...withoutOwn(host), ...input.environment, ...taskMarker(context.taskUid, context.attempt) },
      stdin: input.stdin,
      signal: context.signal,
      onOutput: forward.take,
      onSpawn(pid) {
        // The pid first: the start time only makes it certain.
        context.spawned(pid, '')
        marking = startTimeOf(host, pid).then((startTime) => context.spawned(pid, startTime))
        failpoint('agent.action.spawned')
      },
    })
    .catch((error: unknown) => {
      throw spawnFailure(program, input, error)
    })
  await marking
  failpoint('agent.action.exited')
  const result: ExecResult = { ...ended, outputBytes: forward.totalBytes() }
  if (forward.isTruncated()) result.isOutputTruncated = true
  if (ended.exitCode === 0) return result
  if (context.signal.aborted) throw new ActionError('Aborted', 'the program was ended', result)
  if (ended.signal) throw new ActionError('KilledBySignal', `${program} was ended by ${ended.signal}`, result)
  throw new ActionError('NonZeroExit', `${program} ended with exit code ${ended.exitCode}`, result)
}

/** The agent's own settings are none of the program's business: a proxy's password may be among them. */
function withoutOwn(host: Host): Record<string, string> {
  const names = Object.keys(host.environment()).filter((name) => name.startsWith('MOORLINE_'))
  return Object.fromEntries(names.map((name) => [name, '']))
}

function spawnFailure(program: string, input: ExecInput, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  const where = input.workingDirectory ? ` in ${input.workingDirectory}` : ''
  if (code === 'ENOENT') return new ActionError('CommandNotFound', `${program} cannot be started${where}: ${message}`, undefined, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR' || code === 'E2BIG' || code === 'ERR_INVALID_ARG_VALUE')
    return new ActionError('CommandNotStarted', `${program} cannot be started${where}: ${message}`, undefined, error)
  return error
}

/** Output in chunks of at most 64 KiB up to the bound of a task's log; what comes after is counted. */
function createForwarder(context: ActionContext) {
  let total = 0
  let kept = 0
  return {
    totalBytes: () => total,
    isTruncated: () => total > kept,
    take(stream: 'stdout' | 'stderr', data: Buffer): void {
      total += data.length
      const room = Math.max(0, limits.taskLogBytes - kept)
      const taken = data.subarray(0, room)
      for (let from = 0; from < taken.length; from += limits.outputChunkBytes)
        context.output(stream, Buffer.from(taken.subarray(from, from + limits.outputChunkBytes)))
      if (taken.length < data.length && total - data.length === kept)
        context.output('system', `\nthe log ends here: it is full with ${limits.taskLogBytes} bytes\n`)
      kept += taken.length
    },
  }
}
