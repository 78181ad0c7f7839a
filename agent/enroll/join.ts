// How `run` comes to an identity: a request that waits since `enroll --no-wait`, or the join token in the configured file. And how a
// cluster is registered anew: a token that the identity was not made with is used when the hub does not accept the identity any more.
import { createHash } from 'node:crypto'
import type { AgentConfig } from '#agent/config/config.ts'
import { describeMachine } from '#agent/enroll/describe.ts'
import { readIfThere } from '#agent/enroll/files.ts'
import type { Home } from '#agent/enroll/home.ts'
import { forgetPendingToken, joinTokenPattern, readPendingToken } from '#agent/enroll/pending.ts'
import type { Host } from '#agent/host/types.ts'
import { agentVersion } from '#agent/version.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'

export interface JoinOptions {
  config: AgentConfig
  home: Home
  host: Host
  clock: Clock
  random: () => number
  signal: AbortSignal
  log: Log
}

/** An identity that works has connected long before. */
export const provenMs = 30_000

export function hashOf(joinToken: string): string {
  return createHash('sha256').update(joinToken).digest('hex')
}

/** @throws AgentError NotEnrolled and those of enroll() */
export async function join(options: JoinOptions): Promise<void> {
  const { config, home, log } = options
  const { stateDir } = config
  const pending = readPendingToken(stateDir)
  if (home.store.current()) {
    if (pending !== undefined) forgetPendingToken(stateDir)
    return
  }
  const joinToken = pending ?? tokenOfFile(config)
  if (!config.hub || joinToken === undefined) throw new AgentError('NotEnrolled', 'there is no identity in the state directory')
  log.info({ hub: `${config.hub.host}:${config.hub.port}` }, 'agent: asks its hub for an identity')
  await ask(options, joinToken, true).catch((error: Error) => {
    if (error instanceof AgentError && !error.isRetryable) forgetPendingToken(stateDir)
    throw error
  })
  forgetPendingToken(stateDir)
}

async function ask(
  { config, home, host, clock, random, signal, log }: JoinOptions,
  joinToken: string,
  isWaiting: boolean,
): Promise<boolean> {
  const { hub, proxy, pins } = config
  if (!hub) throw new AgentError('NotEnrolled', 'no hub is configured')
  if (pins.length === 0) throw new AgentError('ConfigInvalid', '--pin: the hub is trusted by its pin only, so at least one is needed')
  const machine = await describeMachine(host, agentVersion, home.fingerprint)
  const { enroll } = await import('#agent/enroll/enroll.ts')
  home.store.setJoinedWith(hashOf(joinToken))
  const { state } = await enroll({
    ...{ store: home.store, hub, proxy, pins, joinToken, machine, isWaiting, clock, random, signal, log },
    onPending: (fingerprint, message) => log.info({ fingerprint }, message),
  })
  return state === 'approved'
}

/** Undefined when there is no file. @throws AgentError ConfigInvalid for one that holds something else */
function tokenOfFile({ tokenFile }: AgentConfig): string | undefined {
  const token = tokenFile === undefined ? undefined : readIfThere(tokenFile)?.trim()
  if (token === undefined || token === '') return undefined
  if (!joinTokenPattern.test(token)) throw new AgentError('ConfigInvalid', `--token-file ${tokenFile}: holds no join token`)
  return token
}

/**
 * A manifest that was applied anew brings a new token. While the identity works, that changes nothing. When it has not connected for a
 * while, the token buys another one beside it; the old one goes when the new one has worked. `onJoined`: start again with it.
 */
export function watchForNewToken(options: JoinOptions & { hasConnected(): boolean; onJoined(): void }): { stop(): void } {
  const { config, home, clock, log, hasConnected, onJoined } = options
  const joinToken = tokenOfFile(config)
  let timer: Timer | undefined
  let isStopped = false

  const later = () => {
    if (!isStopped) timer = clock.setTimer(provenMs, () => void look(), true)
  }
  const look = async (): Promise<void> => {
    try {
      if (joinToken === undefined || home.store.joinedWith() === hashOf(joinToken)) return
      if (hasConnected()) {
        home.store.setJoinedWith(hashOf(joinToken))
        return await home.store.saved()
      }
      log.warn({}, 'identity: the hub has not accepted it, the new join token is used')
      if (await ask(options, joinToken, false)) return onJoined()
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'identity: the new join token has not led to another one')
      if (error instanceof AgentError && !error.isRetryable) return
    }
    later()
  }
  if (joinToken !== undefined && home.store.joinedWith() !== hashOf(joinToken)) later()
  return {
    stop() {
      isStopped = true
      timer?.cancel()
    },
  }
}
