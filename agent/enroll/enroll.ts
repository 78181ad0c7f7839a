// Joining a fleet: ask with the join token until the hub approves or denies. Safe to repeat at any point: the keys are on disk
// before the first question, and the same token with the same key is the same request for the hub.
import { createProcedures, emptyMetadata, type ServiceError, status } from '#agent/link/grpc.ts'
import type { Proxy } from '#agent/config/proxy.ts'
import { groupsOfFour } from '#agent/enroll/csr.ts'
import type { IdentityStore } from '#agent/enroll/identity-store.ts'
import { publicHalf } from '#agent/enroll/keys.ts'
import { dial, type Endpoint } from '#agent/link/dialer.ts'

import { fetchPinnedRoot, tlsTimeoutMs } from '#agent/link/tls.ts'
import type { Identity } from '#agent/link/types.ts'
import { EnrollmentServiceClient, type EnrollResponse, EnrollState } from '#proto/moorline/v1/procedures.ts'
import { type Clock, waitFor } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import type { Log } from '#shared/log/log.ts'

export interface MachineDescription {
  hostname: string
  machineFingerprint: string
  agentVersion: string
  os: string
  architecture: string
  addresses: string[]
}

export interface EnrollOptions {
  store: IdentityStore
  hub: Endpoint
  proxy?: Proxy
  pins: readonly string[]
  joinToken: string
  machine: MachineDescription
  /** False returns `pending` instead of waiting for an operator, and throws instead of trying again when the hub is away. */
  isWaiting: boolean
  clock: Clock
  random: () => number
  signal: AbortSignal
  log: Log
  /** Called once when the hub has recorded the request: what the operator must compare. */
  onPending?(fingerprint: string, message: string): void
}

export type EnrollResult =
  | { state: 'approved'; identity: Identity; fingerprint: string }
  | { state: 'pending'; fingerprint: string; message: string }

const callTimeoutMs = 20_000
const pendingBackoff = { baseMs: 2_000, maxMs: 30_000 }
const awayBackoff = { baseMs: 2_000, maxMs: 120_000 }

/** @throws AgentError EnrollmentDenied, EnrollmentRefused, FingerprintMismatch, HubNotTrusted and those of the dialer */
export async function enroll(options: EnrollOptions): Promise<EnrollResult> {
  const { store, clock, random, signal, isWaiting, log } = options
  const { generation, keys } = store.pendingKeys()
  await store.saved()
  failpoint('agent.enroll.key-written')
  const half = publicHalf(keys)
  let isShown = false
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    let delayMs: number
    try {
      const answer = await ask(options, half)
      failpoint('agent.enroll.answered')
      const fingerprint = groupsOfFour(half.keyHash)
      if (answer.fingerprint.replace(/[^0-9a-f]/gi, '').toLowerCase() !== half.keyHash) {
        throw new AgentError(
          'FingerprintMismatch',
          `this machine's fingerprint is ${fingerprint}, the hub says ${printable(answer.fingerprint)}`,
        )
      }
      if (answer.state === EnrollState.DENIED)
        throw new AgentError('EnrollmentDenied', printable(answer.message) || 'the request was denied')
      if (answer.state === EnrollState.APPROVED && answer.identity) {
        const identity = store.stage(generation, { agentId: answer.agentId, machineName: answer.machineName }, answer.identity)
        store.activate(generation)
        await store.saved()
        return { state: 'approved', identity, fingerprint }
      }
      if (answer.state !== EnrollState.PENDING) throw new Error('the hub answered neither pending, approved nor denied')
      if (!isShown) options.onPending?.(fingerprint, printable(answer.message))
      isShown = true
      if (!isWaiting) return { state: 'pending', fingerprint, message: printable(answer.message) }
      delayMs = Math.min(answer.retryAfterMs, 60_000) + fullJitterMs(Math.min(attempt, 2), random(), pendingBackoff)
    } catch (error) {
      signal.throwIfAborted()
      if (!isWaiting || isFinal(error, isShown)) throw error
      delayMs = fullJitterMs(attempt, random(), awayBackoff)
      log.warn({ err: error, retryMs: delayMs }, 'enrolment: no answer yet')
    }
    await waitFor(clock, delayMs, signal)
  }
}

/** A hub that never was the right one, or a proxy with wrong credentials, is told at once; after a first answer it is waited for. */
function isFinal(error: unknown, hasAnswered: boolean): boolean {
  if (!(error instanceof AgentError)) return false
  return !error.isRetryable || (!hasAnswered && (error.code === 'HubNotTrusted' || error.code === 'ProxyAuthenticationFailed'))
}

async function ask(options: EnrollOptions, half: ReturnType<typeof publicHalf>): Promise<EnrollResponse> {
  const { hub, proxy, pins, clock, signal, joinToken, machine } = options
  // First the pinned CA certificate out of the server's chain, then a connection that trusts that certificate alone.
  const socket = await dial({ ...hub, proxy, clock, signal })
  const fleetCa = await fetchPinnedRoot(socket, serverNames.enroll, pins, { clock, timeoutMs: tlsTimeoutMs, signal })
  let connectionError: Error | undefined
  const procedures = createProcedures({
    hub,
    proxy,
    clock,
    tls: () => ({ servername: serverNames.enroll, trust: { fleetCa, pins } }),
    onError: (error) => {
      connectionError = error
    },
  })
  const client = procedures.client(EnrollmentServiceClient)
  const request = { joinToken, csr: half.csr, natsPublicKey: half.natsPublicKey, ...machine }
  try {
    return await new Promise<EnrollResponse>((resolve, reject) => {
      const deadline = clock.now().getTime() + callTimeoutMs
      const call = client.enroll(request, emptyMetadata(), { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)))
      signal.addEventListener('abort', () => call.cancel(), { once: true })
    })
  } catch (error) {
    throw connectionError ?? explainStatus(error as ServiceError)
  } finally {
    procedures.close()
  }
}

function explainStatus(error: ServiceError): Error {
  const message = printable(error.details || messageOf(error))
  const refused: readonly (status | undefined)[] = [
    status.UNAUTHENTICATED,
    status.PERMISSION_DENIED,
    status.INVALID_ARGUMENT,
    status.FAILED_PRECONDITION,
  ]
  if (refused.includes(error.code)) return new AgentError('EnrollmentRefused', `the hub refused the request: ${message}`, error)
  return new AgentError('HubUnreachable', `the hub did not answer the request: ${message}`, error)
}

/** What a hub says goes to a terminal: no control characters, bounded. */
function printable(text: string): string {
  return text.replace(/[^\P{C}]/gu, '?').slice(0, 512)
}
