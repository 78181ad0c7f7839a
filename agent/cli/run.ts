// `moorline-agent run`: the service.
import { parseFlags, settingsHelp } from '#agent/cli/flags.ts'
import { lockStateDirectory } from '#agent/cli/lock.ts'
import { type Command, exitCodes } from '#agent/cli/types.ts'
import { readConfig } from '#agent/config/config.ts'
import { readPolicy } from '#agent/config/policy.ts'
import { runAgent } from '#agent/run.ts'

const usage = `Usage: moorline-agent run [flags]

Runs the agent until SIGTERM or SIGINT. Settings come from flags, the environment, then STATE_DIR/config.json.

${settingsHelp()}
Exit code: 0 stopped, 78 cannot start until somebody changes something (not enrolled, denied, wrong configuration or policy), 1 other.
`

export const command: Command = async ({ argv, env, self, clock, random, signal, stdout, createLog }) => {
  const flags = parseFlags('run', argv)
  if (flags.help) {
    stdout.write(usage)
    return exitCodes.ok
  }
  const config = readConfig(flags, env)
  const policy = readPolicy(config)
  const unlock = lockStateDirectory(config.stateDir, process.pid)
  try {
    const log = await createLog(config.logLevel)
    // Another identity means another agent: nothing of the one before is carried over.
    while ((await runAgent({ config, policy, env, self, clock, random, signal, log, pid: process.pid })) === 'again');
    return exitCodes.ok
  } finally {
    unlock()
  }
}
