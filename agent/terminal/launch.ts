// From a policy, an account and a request to a program with arguments and environment. Pure. Nothing of the agent's environment goes
// into it: that may hold the proxy's password.
import type { TerminalPolicy } from '#agent/config/terminal.ts'
import type { TerminalOpen } from '#shared/contract/terminal.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'
import type { Account } from './account.ts'

export interface Launch {
  program: string
  args: string[]
  environment: Record<string, string>
}

/**
 * The agent's service has a file mode mask and a place in the kernel's out-of-memory order that are not a user's. The program's own words
 * are arguments, never part of the script.
 */
const prelude = 'umask 022; echo 0 2>/dev/null >/proc/self/oom_score_adj; cd "$HOME" 2>/dev/null || cd /; unset OLDPWD; exec "$@"'

const paths = {
  root: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  user: '/usr/local/bin:/usr/bin:/bin',
} as const

export interface LaunchOptions {
  policy: TerminalPolicy
  account: Account
  open: Pick<TerminalOpen, 'command' | 'tty' | 'term'>
  /** Of the agent. */
  uid: number
  /** Full path of setpriv(1); undefined when the machine has none. */
  setpriv?: string
}

/** @throws TerminalError CommandNotAllowed, UserUnknown */
export function planLaunch({ policy, account, open, uid, setpriv }: LaunchOptions): Launch {
  const [program] = open.command
  if (policy.commands && (program === undefined || !policy.commands.includes(program)))
    throw new TerminalError(
      'CommandNotAllowed',
      program === undefined
        ? 'the policy of this machine allows certain programs only, and no shell'
        : `${program.slice(0, 200)} is not among terminal.commands of this machine's policy`,
    )
  const shell = policy.shell ?? account.shell
  const command = program === undefined ? [shell, '-l'] : open.command
  return {
    ...asUser(['/bin/sh', '-c', prelude, 'sh', ...command], account, uid, setpriv),
    environment: {
      HOME: account.home,
      USER: account.name,
      LOGNAME: account.name,
      SHELL: shell,
      PATH: account.uid === 0 ? paths.root : paths.user,
      LANG: 'C.UTF-8',
      ...(open.tty && { TERM: open.term }),
    },
  }
}

function asUser(command: readonly string[], account: Account, uid: number, setpriv: string | undefined): Pick<Launch, 'program' | 'args'> {
  const [program = '', ...args] = command
  if (account.uid === uid) return { program, args }
  if (uid !== 0)
    throw new TerminalError('UserUnknown', `the agent runs as the user ${uid} and cannot become ${account.name} (${account.uid})`)
  if (setpriv === undefined)
    throw new TerminalError('UserUnknown', `the agent cannot become ${account.name}: this machine has no setpriv (util-linux)`)
  // The user's own groups instead of the agent's; ids that can be taken back are none.
  return { program: setpriv, args: [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--', program, ...args] }
}
