// The tunnel target `terminal`: each stream that the hub opens is one shell or program on this machine, as the policy allows it.
import type { TerminalPolicy } from '#agent/config/terminal.ts'
import { terminalDefaults } from '#agent/config/terminal.ts'
import type { PtyAddon } from '#agent/host/pty-addon.ts'
import { startTerminalProcess } from '#agent/host/terminal.ts'
import type { Host } from '#agent/host/types.ts'
import type { TunnelTarget } from '#agent/tunnel/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { TerminalOpen } from '#shared/contract/terminal.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'
import type { Log } from '#shared/log/log.ts'
import { findAccount } from './account.ts'
import { planLaunch } from './launch.ts'
import { startRecording } from './recording.ts'
import { createRecordings, recordingLimits } from './recordings.ts'
import { type Prepared, serveSession, type Session } from './session.ts'

export interface TerminalTargetOptions {
  policy: TerminalPolicy
  host: Host
  /** Of the recordings. */
  folder: string
  loadAddon(environment: Readonly<Record<string, string | undefined>>): PtyAddon
  clock: Clock
  log: Log
  limits?: { sessionBytes: number; folderBytes: number }
}

export interface TerminalTarget {
  target: TunnelTarget
  sessions(): number
  /** Ends every session; resolves when no process of them is left. */
  stop(): Promise<void>
}

export function terminalTarget(options: TerminalTargetOptions): TerminalTarget {
  const { policy, host, folder, clock, log, limits = recordingLimits } = options
  const most = policy.sessions ?? terminalDefaults.sessions
  const recordings = createRecordings({ folder, clock, limits })
  const sessions = new Set<Session>()
  let isStopped = false
  let addon: PtyAddon | undefined
  const loadAddon = () => (addon ??= options.loadAddon(host.environment()))

  const prepare = async (user: string, open: TerminalOpen, onRecordingFailure: (error: TerminalError) => void): Promise<Prepared> => {
    if (isStopped) throw new TerminalError('AgentStopping', 'the agent is stopping')
    if (sessions.size > most) throw new TerminalError('TooManySessions', `${most} terminals are open on this machine, which is its limit`)
    const account = await findAccount(policy.user, host)
    if (!account) throw new TerminalError('UserUnknown', `there is no user ${policy.user} on this machine`)
    const launch = planLaunch({ policy, account, open, uid: host.uid(), setpriv: await host.which('setpriv') })
    const recording =
      (policy.recording ?? terminalDefaults.recording) === 'always'
        ? startRecording({
            ...{ clock, limitBytes: limits.sessionBytes, onFailure: onRecordingFailure },
            file: await recordings.create(user),
            header: {
              ...{ width: open.columns, height: open.rows, title: `${user} as ${account.name}` },
              ...(open.command.length > 0 && { command: open.command.join(' ') }),
              ...(open.tty && { term: open.term }),
            },
          })
        : undefined
    return {
      recording,
      start(onOutput) {
        const process = startTerminalProcess(
          { ...launch, ...(open.tty && { size: { columns: open.columns, rows: open.rows } }), onOutput },
          clock,
          loadAddon,
        )
        // Arguments may be secrets; the audit log of the hub has them.
        log.info({ user, as: account.name, pid: process.pid, program: open.command[0] ?? 'login shell' }, 'terminal: opened')
        return process
      },
    }
  }

  return {
    target: ({ user }) =>
      Promise.resolve((stream) => {
        const session = serveSession({
          ...{ stream, clock, log },
          idleMs: (policy.idleSeconds ?? terminalDefaults.idleSeconds) * 1000,
          prepare: (open, onRecordingFailure) => prepare(user, open, onRecordingFailure),
          onOver() {
            sessions.delete(session)
            log.info({ user }, 'terminal: over')
          },
        })
        sessions.add(session)
      }),
    sessions: () => sessions.size,
    async stop() {
      isStopped = true
      await Promise.all([...sessions].map((session) => session.end(new TerminalError('AgentStopping', 'the agent is stopping'))))
    },
  }
}
