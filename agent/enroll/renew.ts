// Renewal at two thirds of a certificate's life, spread over the fleet, and when the hub asks for it. Keys are new each time.
import type { IdentityKeeper } from '#agent/enroll/keeper.ts'
import type { IdentityStore } from '#agent/enroll/identity-store.ts'
import { publicHalf } from '#agent/enroll/keys.ts'
import type { LazyProcedures } from '#agent/link/procedures.ts'
import type { RenewResponse } from '#proto/moorline/v1/procedures.ts'
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'

const callTimeoutMs = 30_000
const retryBackoff = { baseMs: 5_000, maxMs: 15 * 60_000 }
/** Timers longer than 2^31 - 1 ms fire at once in Node; looking again each hour also follows a corrected clock. */
const longestSleepMs = 3_600_000
/** However often the hub asks, keys are not made faster than this. */
export const noticeIntervalMs = 60_000

export interface RenewalsOptions {
  store: IdentityStore
  keeper: IdentityKeeper
  procedures: LazyProcedures
  /** As in Hello. */
  machineFingerprint: string
  /** The hub's clock: a machine with a wrong one must not let its certificate end. */
  hubTime(): Date
  clock: Clock
  random: () => number
  log: Log
  /** A new identity is in use: the link has to come back with it. */
  onRenewed(): void
}

export interface Renewals {
  start(): void
  /** The hub asks for it, or shows signing keys that this identity does not hold. */
  soon(why: string): void
  stop(): Promise<void>
}

/** When to renew: two thirds of the life, up to a twentieth of the life earlier by `random`. */
export function renewalTime(notBefore: Date, notAfter: Date, random: number): Date {
  const lifeMs = notAfter.getTime() - notBefore.getTime()
  return new Date(notBefore.getTime() + (lifeMs * 2) / 3 - (lifeMs / 20) * random)
}

export function createRenewals(options: RenewalsOptions): Renewals {
  const { keeper, clock, random, log, hubTime } = options
  const spread = random()
  let timer: Timer | undefined
  let running: Promise<void> | undefined
  let failures = 0
  let lastMs = -noticeIntervalMs
  let isStopped = false

  const schedule = (delayMs: number, run = look) => {
    timer?.cancel()
    if (!isStopped) timer = clock.setTimer(delayMs, run, true)
  }

  const look = () => {
    const { notBefore, notAfter } = keeper.current()
    const leftMs = renewalTime(notBefore, notAfter, spread).getTime() - hubTime().getTime()
    if (leftMs > 0) schedule(Math.min(leftMs, longestSleepMs))
    else renew()
  }

  const renew = () => {
    running ??= once(options)
      .then(
        () => {
          failures = 0
          lastMs = clock.monotonicMs()
          log.info({ notAfter: keeper.current().notAfter.toISOString(), generation: keeper.current().generation }, 'identity: renewed')
          options.onRenewed()
          schedule(longestSleepMs)
        },
        (error: Error) => {
          const retryMs = fullJitterMs(failures++, random(), retryBackoff)
          log.warn(
            { err: error, retryMs: Math.round(retryMs), reason: messageOf(error) },
            'identity: not renewed yet, the current one stays in use',
          )
          // Not `look`: what the hub asked for is wanted long before the certificate is due.
          schedule(retryMs, renew)
        },
      )
      .finally(() => {
        running = undefined
      })
  }

  return {
    start: look,
    soon(why) {
      const waitMs = Math.max(0, lastMs + noticeIntervalMs - clock.monotonicMs()) + random() * 5_000
      log.info({ why, inMs: Math.round(waitMs) }, 'identity: renewal asked for')
      schedule(waitMs, renew)
    },
    async stop() {
      isStopped = true
      timer?.cancel()
      await running
    },
  }
}

async function once({ store, keeper, procedures, machineFingerprint, clock }: RenewalsOptions): Promise<void> {
  const { agentId, machineName } = keeper.current()
  const { generation, keys } = store.pendingKeys()
  await store.saved()
  failpoint('agent.renew.key-written')
  const half = publicHalf(keys)
  // Once in days: an agent that waits does not carry the gRPC library.
  const { IdentityServiceClient } = await import('#proto/moorline/v1/procedures.ts')
  const { emptyMetadata } = await import('#agent/link/grpc.ts')
  const client = (await procedures.open()).client(IdentityServiceClient)
  const request = { csr: half.csr, natsPublicKey: half.natsPublicKey, machineFingerprint }
  const answer = await new Promise<RenewResponse>((resolve, reject) => {
    const deadline = clock.now().getTime() + callTimeoutMs
    client.renew(request, emptyMetadata(), { deadline }, (error, response) => (error ? reject(error) : resolve(response)))
  })
  failpoint('agent.renew.answered')
  if (!answer.identity) throw new Error('the hub answered without an identity')
  const identity = store.stage(generation, { agentId, machineName }, answer.identity)
  // The hub ends the identity before at the first use of this one: then it must not be in memory alone.
  await store.saved()
  failpoint('agent.renew.staged')
  keeper.activate(identity)
  await store.saved()
  failpoint('agent.renew.activated')
}
