// `moorline-agent enroll`: join a hub's fleet.
import { readFileSync } from 'node:fs'
import { parseFlags, settingsHelp } from '#agent/cli/flags.ts'
import { lockStateDirectory } from '#agent/cli/lock.ts'
import { type Command, type CommandContext, exitCodes } from '#agent/cli/types.ts'
import { readConfig, saveConfig } from '#agent/config/config.ts'
import { showProxy } from '#agent/config/proxy.ts'
import { describeMachine } from '#agent/enroll/describe.ts'
import { enroll } from '#agent/enroll/enroll.ts'
import { ensurePrivateDirectory } from '#agent/enroll/files.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { forgetPendingToken, joinTokenPattern, savePendingToken } from '#agent/enroll/pending.ts'
import { createHost } from '#agent/host/create.ts'
import { agentVersion } from '#agent/version.ts'
import { AgentError } from '#shared/errors/agent-error.ts'

/** A token is far shorter; what is longer is another file. */
const tokenInputCharacters = 65_536

const usage = `Usage: moorline-agent enroll --hub HOST:PORT --pin PIN [--pin PIN] (--token-file FILE | --token-stdin) [flags]

Asks the hub for an identity. The join token is read from a file, standard input or MOORLINE_JOIN_TOKEN, never from an argument.

      --token-stdin   the same as --token -
      --no-wait       return once the hub has the request; \`run\` goes on waiting for the approval

${settingsHelp()}
Exit code: 0 approved (with --no-wait also: waits for approval), 1 denied or failed, 2 wrong flags.
`

export const command: Command = async ({ argv, env, clock, random, signal, stdin, stdout, createLog }) => {
  const flags = parseFlags('enroll', argv, {
    'token-stdin': { type: 'boolean' },
    token: { type: 'string' },
    'no-wait': { type: 'boolean' },
  })
  if (flags.help) {
    stdout.write(usage)
    return exitCodes.ok
  }
  const config = readConfig(flags, env)
  if (!config.hub) throw new AgentError('ConfigInvalid', '--hub: host:port of the hub is needed')
  if (config.pins.length === 0)
    throw new AgentError('ConfigInvalid', '--pin: the hub is trusted by its pin only, so at least one is needed')
  const { stateDir, hub, proxy, pins } = config
  ensurePrivateDirectory(stateDir)
  const unlock = lockStateDirectory(stateDir, process.pid)
  try {
    const store = openIdentityStore(stateDir)
    const existing = store.current()
    if (existing) {
      stdout.write(`already enrolled as machine ${existing.machineName}\n`)
      return exitCodes.ok
    }
    const joinToken = await readToken(flags, config.tokenFile, env, stdin)
    saveConfig(config)
    savePendingToken(stateDir, joinToken)
    stdout.write(`hub ${hub.host}:${hub.port}, proxy ${showProxy(proxy)}\n`)
    const log = await createLog(config.logLevel)
    const machine = await describeMachine(createHost({ clock, environment: env }), agentVersion)
    const result = await enroll({
      ...{ store, hub, proxy, pins, joinToken, machine, clock, random, signal, log },
      isWaiting: !flags['no-wait'],
      onPending: (fingerprint, message) => stdout.write(`${message}\nfingerprint  ${fingerprint}\n`),
    }).catch((error: Error) => {
      if (error instanceof AgentError && !error.isRetryable) forgetPendingToken(stateDir)
      throw error
    })
    if (result.state === 'approved') {
      forgetPendingToken(stateDir)
      stdout.write(`enrolled as machine ${result.identity.machineName}\nfingerprint  ${result.fingerprint}\n`)
    }
    return exitCodes.ok
  } finally {
    unlock()
  }
}

async function readToken(
  flags: ReturnType<typeof parseFlags>,
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  stdin: CommandContext['stdin'],
): Promise<string> {
  // A token among the arguments can be read by every user of the machine: only `--token -` is taken.
  if (flags.token !== undefined && flags.token !== '-') {
    throw new AgentError(
      'ConfigInvalid',
      '--token: the token must not be an argument; use --token-stdin, --token-file or MOORLINE_JOIN_TOKEN',
    )
  }
  const isStdin = flags['token-stdin'] === true || flags.token === '-'
  const [where, text] = isStdin
    ? ['--token-stdin', await stdin(tokenInputCharacters)]
    : file !== undefined
      ? [`--token-file ${file}`, readFileSync(file, 'utf8')]
      : ['MOORLINE_JOIN_TOKEN', env.MOORLINE_JOIN_TOKEN ?? '']
  const token = text.trim()
  if (!joinTokenPattern.test(token)) throw new AgentError('ConfigInvalid', `${where}: holds no join token`)
  return token
}
