// Issues and revokes NATS credentials. Owns dataDir/nats apart from the server's own files.
//
// A revocation is durable first (users.ts), then pushed to the running server as a new fleet account, and pushed again until
// the server confirms it. The embedded server also begins with the newest account at each start.
import { join } from 'node:path'
import { type Clock, type Timer, waitFor } from '#shared/clock/clock.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import { startRounds } from '#shared/flow/rounds.ts'
import type { Log } from '#shared/log/log.ts'
import { ensurePrivateDirectory, writeFileDurably } from '#hub/pki/files.ts'
import { type BusTarget, connectTo, type NatsCredentials } from '../bus/connection.ts'
import { agentUserJwt, fleetAccountJwt, hubUserJwt, operatorJwt, systemAccountJwt, systemUserJwt } from './account.ts'
import { embeddedConfig, externalConfig } from './config.ts'
import { loadNatsKeys } from './keys.ts'
import { openNatsUsers, userLifeMs } from './users.ts'

export interface NatsAuthority {
  directory: string
  hubCredentials: NatsCredentials
  agentSignerPublicKey: string
  embeddedConfig(paths: { pidFile: string; portsDirectory: string; resolverDirectory: string; maxConnections: number }): Promise<string>
  /** Durable before it is returned, so that it can be revoked after any crash. */
  issueUser(agentId: string, publicKey: string): Promise<string>
  /** Durable when it resolves; confirmed by the server unless that took longer than `waitMs`. */
  revoke(agentId: string, waitMs: number): Promise<void>
  isPushPending(): boolean
  /** For an external server: it may have missed what was revoked before this start. */
  tellServer(): void
  close(): Promise<void>
}

export interface NatsAuthorityOptions {
  directory: string
  /** The server to tell, while there is one. */
  target(): BusTarget | undefined
  clock: Clock
  random: () => number
  log: Log
}

const updateSubject = '$SYS.REQ.CLAIMS.UPDATE'
const requestTimeoutMs = 2_000
/** Not while a fleet comes back. */
const firstSweepMs = 10 * 60_000
const sweepIntervalMs = 24 * 3_600_000
const pushBackoff = { baseMs: 200, maxMs: 10_000 }

export async function openNatsAuthority({ directory, target, clock, random, log }: NatsAuthorityOptions): Promise<NatsAuthority> {
  await ensurePrivateDirectory(directory)
  const keys = await loadNatsKeys(directory)
  const users = await openNatsUsers(directory, clock)
  const operator = await operatorJwt(keys)
  const systemAccount = { publicKey: keys.systemAccount.publicKey, jwt: await systemAccountJwt(keys) }
  const systemCredentials = { jwt: await systemUserJwt(keys), seed: keys.systemUser.seed }
  let isClosed = false
  let retry: Timer | undefined
  let failures = 0
  let issuedAtSeconds = 0
  /** Counts changes of the account; what the server has confirmed last. The first is the one of this start. */
  let wanted = 1
  let confirmed = 0
  let pushing: Promise<void> | undefined
  const waiters = new Set<() => void>()

  let cached: { version: number; jwt: string } | undefined

  /** Servers order accounts by their second of issue, so two versions must not share one. */
  const accountJwt = async (): Promise<string> => {
    const version = wanted
    if (cached?.version === version) return cached.jwt
    const nowMs = clock.now().getTime()
    if (Math.floor(nowMs / 1000) <= issuedAtSeconds) await waitFor(clock, 1000 - (nowMs % 1000) + 5)
    issuedAtSeconds = Math.floor(clock.now().getTime() / 1000)
    const jwt = await fleetAccountJwt(keys, users.revocations())
    await writeFileDurably(join(directory, 'account.jwt'), `${jwt}\n`)
    cached = { version, jwt }
    return jwt
  }

  const pushOnce = async (): Promise<void> => {
    const address = target()
    if (address === undefined) throw new Error('the NATS server is down')
    const version = wanted
    const jwt = await accountJwt()
    const connection = await connectTo(address, 'moorline-hub-system', systemCredentials)
    try {
      const answer = await connection.request(updateSubject, Buffer.from(jwt), { timeout: requestTimeoutMs })
      const { data, error } = answer.json<{ data?: { code?: number }; error?: { description?: string } }>()
      if (data?.code !== 200) throw new Error(error?.description ?? 'the server refused the account')
      confirmed = version
    } finally {
      await connection.close()
    }
  }

  const push = (): void => {
    retry?.cancel()
    if (isClosed || pushing !== undefined || confirmed === wanted) return
    pushing = pushOnce()
      .then(
        () => {
          failures = 0
          for (const wake of waiters) wake()
        },
        (cause: Error) => {
          log.warn({ error: cause.message }, 'a revocation could not be told to the NATS server yet')
          retry = clock.setTimer(fullJitterMs(failures, random(), pushBackoff), push)
          failures += 1
        },
      )
      .finally(() => {
        pushing = undefined
        if (failures === 0) push()
      })
  }

  const sweeps = startRounds(
    { clock, everyMs: sweepIntervalMs, firstMs: firstSweepMs },
    () => users.removeExpired(() => isClosed),
    (error) => log.warn({ err: error, directory }, 'expired NATS users could not be removed; trying again in a day'),
  )

  const account = await accountJwt()
  const accountInput = { operatorJwt: operator, systemAccount }
  await writeFileDurably(
    join(directory, 'external.conf'),
    externalConfig({
      ...accountInput,
      fleetAccount: { publicKey: keys.fleetAccount.publicKey, jwt: account },
      resolverDirectory: '/var/lib/nats/accounts',
    }),
  )

  return {
    directory,
    hubCredentials: { jwt: await hubUserJwt(keys), seed: keys.hubUser.seed },
    agentSignerPublicKey: keys.agentSigner.publicKey,
    async embeddedConfig(paths) {
      const version = wanted
      const fleetAccount = { publicKey: keys.fleetAccount.publicKey, jwt: await accountJwt() }
      const text = embeddedConfig({ ...accountInput, fleetAccount, ...paths })
      confirmed = Math.max(confirmed, version)
      return text
    },
    async issueUser(agentId, publicKey) {
      const expiresAt = new Date(clock.now().getTime() + userLifeMs)
      await users.remember(agentId, publicKey, expiresAt)
      return agentUserJwt(keys, agentId, publicKey, expiresAt)
    },
    async revoke(agentId, waitMs) {
      if (!(await users.revoke(agentId))) return
      wanted += 1
      const mine = wanted
      push()
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          if (confirmed < mine && !isClosed) return
          timer.cancel()
          waiters.delete(wake)
          resolve()
        }
        const timer = clock.setTimer(waitMs, () => {
          waiters.delete(wake)
          resolve()
        })
        waiters.add(wake)
      })
    },
    isPushPending: () => confirmed !== wanted,
    tellServer: push,
    async close() {
      isClosed = true
      retry?.cancel()
      for (const wake of waiters) wake()
      // What failed has been said where it failed; closing only waits for the end.
      await pushing?.catch(() => undefined)
      await sweeps.stop()
    },
  }
}
