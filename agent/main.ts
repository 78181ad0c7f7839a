#!/usr/bin/env node
// Composition root of moorline-agent: hands clock, randomness, environment and signals to one command. Each command is loaded only
// when it is called, so that `preflight` and `--version` start fast.
import { kill, pid } from 'node:process'
import { isSea } from 'node:sea'
import type { Command, CommandContext } from '#agent/cli/types.ts'
import { agentVersion } from '#agent/version.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { AgentError } from '#shared/errors/agent-error.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { armFailpoints } from '#shared/flow/failpoint.ts'

const commands: Readonly<Record<string, { summary: string; load(): Promise<{ command: Command }> }>> = {
  enroll: { summary: 'join a hub’s fleet', load: () => import('#agent/cli/enroll.ts') },
  run: { summary: 'run the agent', load: () => import('#agent/cli/run.ts') },
  status: { summary: 'identity, connection and backlog of this machine', load: () => import('#agent/cli/status.ts') },
  leave: { summary: 'undo what tasks changed and forget the identity', load: () => import('#agent/cli/leave.ts') },
  preflight: { summary: 'check this machine for a Kubernetes cluster; needs no hub', load: () => import('#agent/cli/preflight.ts') },
}

/** Started by the agent itself. */
const ownCommands: typeof commands = { worker: { summary: '', load: () => import('#agent/cli/worker.ts') } }

const usage = `Usage: moorline-agent COMMAND [flags]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}\n`)
  .join('')}
  --version
  --help      of the program or of a command
`

async function readStdin(maxCharacters: number): Promise<string> {
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8')) {
    text += part
    if (text.length > maxCharacters)
      throw new OperatorError(
        'UsageInvalid',
        `standard input is over ${maxCharacters} characters`,
        'Give what the command reads there only.',
      )
  }
  return text
}

function createContext(argv: readonly string[]): CommandContext {
  const stopping = new AbortController()
  // The second signal ends the process the hard way: a drain that hangs must not keep an operator waiting.
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping.abort(new OperatorError('Stopped', `stopped by ${signal}`, ''))
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  return {
    argv,
    env: process.env,
    self: isSea() ? [process.execPath] : [process.execPath, process.argv[1] ?? ''],
    clock: systemClock,
    random: Math.random,
    signal: stopping.signal,
    stdin: readStdin,
    stdout: process.stdout,
    stderr: process.stderr,
    createLog: async (level) => (await import('#agent/cli/log.ts')).createLog(level),
  }
}

async function main([name = '--help', ...argv]: readonly string[]): Promise<number> {
  if (name === '--version' || name === 'version') {
    process.stdout.write(`moorline-agent ${agentVersion}\n`)
    return 0
  }
  const known = { ...commands, ...ownCommands }
  const entry = Object.hasOwn(known, name) ? known[name] : undefined
  if (!entry) {
    const isHelp = name === '--help' || name === '-h' || name === 'help'
    ;(isHelp ? process.stdout : process.stderr).write(
      isHelp ? usage : `moorline-agent: no command is called ${JSON.stringify(name)}\n\n${usage}`,
    )
    return isHelp ? 0 : 2
  }
  armFailpoints(process.env.MOORLINE_FAILPOINTS ?? '', () => kill(pid, 'SIGKILL'))
  const context = createContext(argv)
  try {
    return await (await entry.load()).command(context)
  } catch (error) {
    if (context.signal.aborted && error === context.signal.reason) return 0
    if (!(error instanceof OperatorError)) throw error
    process.stderr.write(`moorline-agent ${name}: ${error.message} (${error.code})\n${error.next}\n`)
    if (error.code === 'UsageInvalid') return 2
    // The unit does not start again after this one: nothing changes until somebody does something.
    return name === 'run' && error instanceof AgentError && !error.isRetryable ? 78 : 1
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`moorline-agent: ${error.stack ?? error.message}\n`)
    process.exit(70)
  },
)
