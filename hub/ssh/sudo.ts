// Commands as root: as they are for root, with `sudo` for anybody else. The password goes by standard input, before the command's own.
import { printable, SshFailure } from './failure.ts'
import type { CommandOptions, Ran, SshCommands } from './command.ts'

export interface RootCommands {
  run(command: string, options: CommandOptions): Promise<Ran>
}

const checkMs = 30_000

/** `command` must be plain words: sudo starts it without a shell. @throws SshFailure SudoRefused */
export async function rootCommands(
  connection: SshCommands,
  { isRoot, hasSudo, user, password, signal }: { isRoot: boolean; hasSudo: boolean; user: string; password?: string; signal: AbortSignal },
): Promise<RootCommands> {
  if (isRoot) return connection
  if (!hasSudo) throw new SshFailure('SudoRefused', `${user} is not root and the machine has no sudo`)
  const check = { what: 'sudo', timeoutMs: checkMs, signal }
  const free = await connection.run('env LC_ALL=C sudo -k -n true', check)
  if (free.code === 0) return { run: (command, options) => connection.run(`sudo -n ${command}`, options) }
  if (password === undefined)
    throw new SshFailure('SudoRefused', `sudo asks ${user} for a password and the Credential has none: ${printable(free.stderr)}`)
  // With -k the password is asked for each time, so that it is never left in a command's own input.
  const asked = await connection.run("env LC_ALL=C sudo -k -S -p '' true", { ...check, stdin: `${password}\n` })
  if (asked.code !== 0) throw refused(user, asked.stderr)
  return {
    run: (command, options) => connection.run(`sudo -k -S -p '' ${command}`, { ...options, stdin: `${password}\n${options.stdin ?? ''}` }),
  }
}

function refused(user: string, said: string): SshFailure {
  if (/incorrect password|try again|no password was provided/i.test(said))
    return new SshFailure('SudoRefused', `sudo does not take the password of the Credential for ${user}`)
  return new SshFailure('SudoRefused', `sudo does not let ${user} become root: ${printable(said) || 'it said nothing'}`)
}
