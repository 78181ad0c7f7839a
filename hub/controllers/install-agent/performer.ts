// Performs tasks of the action install-agent. What an attempt began is undone before it ends: over the connection that is there, or over
// new ones when that was lost. machine.sh on the machine undoes by itself, too, when its standard input ends.
import { waitFor } from '#shared/clock/clock.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import { type HubRun, type Performer, Stop, TaskFailure } from '#hub/controllers/task/performed/types.ts'
import { SshFailure } from '#hub/ssh/failure.ts'
import { forgetIdentity, isConnected } from './identity.ts'
import { serverOf } from './host-key.ts'
import { endJoinToken } from './join-token.ts'
import { createRedactor } from './secrets.ts'
import { runStages, type Work } from './stages.ts'
import type { InstallAgentDeps } from './types.ts'
import { openVisit } from './visit.ts'

const undoMs = 60_000
/** From the failure on; then it is left to the machine itself and to the next attempt. */
const cleanUpMs = 90_000
const backoff = { baseMs: 1_000, maxMs: 10_000 }

export function createInstaller(deps: InstallAgentDeps & { random: () => number }): Performer {
  return {
    describe(task) {
      const { spec, status } = deps.resources.get<Machine>('Machine', task.spec.machine) ?? {}
      if (!spec?.ssh) return ''
      const { user = 'root', credentialRef, proxy } = spec.ssh
      const key = status?.ssh?.server === serverOf(spec.ssh) ? status.ssh.hostKey : undefined
      const way = [
        `${user}@${serverOf(spec.ssh)} with Credential ${credentialRef}`,
        proxy && `through ${proxy.url}`,
        key && `host key ${key}`,
      ]
      return way.filter(Boolean).join(', ')
    },
    async perform(task, run) {
      const work = workOf(task, run)
      if (run.isResumed) work.say('the hub was restarted in the middle; it begins again')
      if (isConnected(work.machine)) return { message: 'the agent is connected already' }
      if (work.machine.status?.certificate && !run.isResumed && work.machine.status.enrollment?.joinToken !== task.metadata.name)
        throw new TaskFailure('AgentPresent', `machine ${task.spec.machine} has an identity already; delete it and add it again`)
      try {
        await runStages(work)
        return { message: `the agent is installed and connected` }
      } catch (error) {
        run.shutdown.throwIfAborted()
        const failure = without(failureOf(error, run), work.redact)
        work.say(`failed: ${failure.message}`)
        // An earlier life of this hub may have begun something, even if this one did not get so far.
        const left = await cleanUp(work, run.isResumed)
        throw withRemains(failure, left && work.redact(left))
      } finally {
        work.visit?.close()
      }
    },
    async cleanUp(task, run) {
      const work = workOf(task, run)
      work.visit = undefined
      const left = await cleanUp(work, true)
      if (left) throw new TaskFailure('UndoFailed', work.redact(left))
    },
  }

  function workOf(task: Task, run: HubRun): Work {
    const machine = deps.resources.get<Machine>('Machine', task.spec.machine)
    if (!machine) throw new TaskFailure('MachineNotFound', `there is no machine ${task.spec.machine}`)
    const redactor = createRedactor()
    const line: HubRun['line'] = (stream, text) => run.line(stream, redactor.redact(text))
    const safeRun = { ...run, line }
    const { add: hide, redact } = redactor
    return { task, machine, deps, run: safeRun, say: (text) => line('system', text), hide, redact }
  }

  /** What is left, in a sentence; undefined when nothing is. */
  async function cleanUp(work: Work, isVisitNeeded = false): Promise<string | undefined> {
    const { task, say } = work
    await endJoinToken(deps.resources, task)
    await forgetIdentity(deps.resources, task)
    if (!work.visit && !isVisitNeeded) return undefined
    say('removing what was begun on the machine')
    const left = new AbortController()
    const timer = deps.clock.setTimer(cleanUpMs, () => left.abort(new Error('it took too long')))
    const signal = AbortSignal.any([left.signal, work.run.shutdown])
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          work.visit ??= await openVisit({ ...work, signal })
          const ran = await work.visit.machine('undo', { timeoutMs: undoMs, signal })
          if (ran.code !== 0) throw new Error(ran.stderr.trim() || `exit code ${ran.code}`)
          say('nothing was left behind')
          return undefined
        } catch (error) {
          say(`not removed yet: ${messageOf(error)}`)
          work.visit?.close()
          work.visit = undefined
          // What will not be another time is not tried again.
          work.run.shutdown.throwIfAborted()
          if (signal.aborted || error instanceof TaskFailure || attempt === 9) return messageOf(error)
          await waitFor(deps.clock, fullJitterMs(attempt, deps.random(), backoff), signal).catch(() => {
            // The time is over, which the next round says.
          })
        }
      }
    } finally {
      timer.cancel()
    }
  }
}

function failureOf(error: unknown, run: HubRun): TaskFailure | Stop {
  if (run.signal.aborted && run.signal.reason instanceof Stop) return run.signal.reason
  if (error instanceof TaskFailure) return error
  if (error instanceof SshFailure) return new TaskFailure(error.reason, error.message, error)
  return new TaskFailure('ActionFailed', `the hub failed: ${messageOf(error)}`, error)
}

/** What a machine prints may be in it. */
function without(failure: TaskFailure | Stop, redact: (text: string) => string): TaskFailure | Stop {
  return failure instanceof Stop ? failure : new TaskFailure(failure.reason, redact(failure.message), failure)
}

function withRemains(failure: TaskFailure | Stop, left: string | undefined): Error {
  if (left === undefined) return failure
  const more = `; what was begun on the machine could not be removed from here (${left}): it removes it itself when the connection has ended, and the next attempt looks for it first`
  if (failure instanceof Stop) return new Stop({ ...failure.end, message: failure.end.message + more })
  return new TaskFailure(failure.reason, failure.message + more, failure)
}
