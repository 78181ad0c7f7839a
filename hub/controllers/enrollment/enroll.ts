// Enrolment: a join token buys a pending Machine and a fingerprint; an approval buys a certificate. The same token with the same
// key is the same request whatever has happened since, so an agent that lost the answer asks again and no use is counted twice.
// The use and the Machine are written in one transaction; the certificate is on the Machine before it is handed out.
import type { Clock } from '#shared/clock/clock.ts'
import type { JoinToken } from '#shared/contract/join-token.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { type Machine } from '#shared/contract/machine.ts'
import { registrationLabel } from '#shared/contract/registration.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import { createTurns } from '#shared/flow/turns.ts'
import type { Log } from '#shared/log/log.ts'
import { addressInCidr } from '#shared/net/cidr.ts'
import {
  type EnrollRequest,
  EnrollResponse,
  EnrollState,
  type IdentityBundle,
  type RenewRequest,
  RenewResponse,
} from '#proto/moorline/v1/procedures.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import type { Pki, VerifiedCsr } from '#hub/pki/types.ts'
import type { Resources } from '#hub/resources/types.ts'
import { hashToken } from '#hub/resources/tokens.ts'
import { createFailureLimiter } from './rate-limit.ts'
import { isOtherMachine } from './fingerprint.ts'
import { machineNameFor, newAgentId } from './machine-name.ts'
import { judgeToken } from './token-rules.ts'

export const identityFinalizer = 'moorline.dev/identity'

export interface EnrollmentDeps {
  resources: Resources
  pki: Pki
  natsUserJwt(agentId: string, natsPublicKey: string): Promise<string>
  machineName(agentId: string): string | undefined
  machineWithFingerprint(fingerprint: string): string | undefined
  clock: Clock
  randomBytes(count: number): Uint8Array
  log: Log
  audit(entry: {
    verb: string
    name: string
    decision: 'allow' | 'deny'
    result: string
    remoteAddress: string
    detail?: string
  }): Promise<void>
}

export interface Enrollment {
  enroll(request: EnrollRequest, caller: { address: string }): Promise<EnrollResponse>
  renew(agentId: string, request: RenewRequest, caller: { serial: string }): Promise<RenewResponse>
  /** The new certificate has been used: the one before it ends. */
  onCertificateUsed(agentId: string, serial: string): Promise<void>
}

const natsUserKeyPattern = /^U[A-Z2-7]{55}$/

export function createEnrollment(deps: EnrollmentDeps): Enrollment {
  const { resources, pki, clock, log } = deps
  const limiter = createFailureLimiter(clock)
  const turns = createTurns()

  const findToken = (secret: string): JoinToken | undefined => {
    const hash = hashToken(secret)
    // The compared values are hashes of what the caller sent: their timing tells nothing about a token.
    return resources.list<JoinToken>('JoinToken').items.find((token) => token.status?.tokenHash === hash)
  }

  async function issue(
    machine: Machine,
    csr: VerifiedCsr,
    natsPublicKey: string,
    previousSerial: string | undefined,
  ): Promise<IdentityBundle> {
    const agentId = machine.status?.agentId as string
    const certificate = await pki.issueAgentCertificate({ csr, agentId, machineName: machine.metadata.name })
    const natsUserJwt = await deps.natsUserJwt(agentId, natsPublicKey)
    const written = await resources.modify<Machine>(
      'Machine',
      machine.metadata.name,
      (current) => {
        if (current.metadata.uid !== machine.metadata.uid || current.spec.revoked || current.metadata.deletionTimestamp) return undefined
        return {
          ...current,
          status: {
            ...current.status,
            certificate: {
              serial: certificate.serial,
              notBefore: certificate.notBefore.toISOString(),
              notAfter: certificate.notAfter.toISOString(),
              ...(previousSerial && { previousSerial }),
            },
          },
        }
      },
      { subresource: 'status' },
    )
    if (!written) throw new ApiError('Forbidden', `machine ${machine.metadata.name} may not have an identity any more`)
    return {
      certificateChain: certificate.chainPem,
      fleetCa: pki.fleetCaPem,
      natsUserJwt,
      pins: pki.pins,
      taskSigningKeys: pki.taskSigner.publicKeys,
      notAfter: certificate.notAfter,
    }
  }

  async function answer(machine: Machine, request: EnrollRequest, csr: VerifiedCsr): Promise<EnrollResponse> {
    const { fingerprint } = csr
    const base = { machineName: machine.metadata.name, agentId: machine.status?.agentId ?? '', fingerprint }
    if (machine.spec.revoked || machine.spec.approved === false || machine.metadata.deletionTimestamp)
      return EnrollResponse.fromPartial({
        ...base,
        state: EnrollState.DENIED,
        message: `an operator denied machine ${machine.metadata.name}`,
      })
    if (!machine.spec.approved)
      return EnrollResponse.fromPartial({
        ...base,
        state: EnrollState.PENDING,
        retryAfterMs: 2_000,
        message: `waits for approval as machine ${machine.metadata.name}; compare the fingerprint ${fingerprint}`,
      })
    const identity = await issue(machine, csr, request.natsPublicKey, undefined)
    await deps.audit({
      verb: 'enroll',
      name: machine.metadata.name,
      decision: 'allow',
      result: 'Issued',
      remoteAddress: '',
      detail: fingerprint,
    })
    return EnrollResponse.fromPartial({ ...base, state: EnrollState.APPROVED, identity })
  }

  /** Counts the use and creates the Machine in one transaction. One at a time per token, so that 50 at once get exactly the allowed number. */
  async function admit(request: EnrollRequest, address: string, fingerprint: string): Promise<Machine> {
    const token = findToken(request.joinToken)
    if (!token) throw new ApiError('Unauthorized', 'the join token is not known to this hub')
    const earlier = resources.get<Machine>('Machine', deps.machineWithFingerprint(fingerprint) ?? '')
    if (earlier?.status?.enrollment?.joinToken === token.metadata.name) return earlier
    if (earlier)
      throw new ApiError(
        'Forbidden',
        `this key is already that of machine ${earlier.metadata.name}; leave first, then enrol with a new key`,
      )
    const verdict = judgeToken(token, { hostname: request.hostname, address }, clock.now(), addressInCidr)
    if (!verdict.ok) throw new ApiError('Forbidden', verdict.message)
    const usedToken: JoinToken = { ...token, status: { ...token.status, used: (token.status?.used ?? 0) + 1 } }
    const named = token.spec.machineRef
    const [, written] = await resources.transact([
      { op: 'update', object: usedToken },
      named === undefined
        ? { op: 'create', object: newMachine(token, request, address, fingerprint) }
        : { op: 'update', object: adopted(machineFor(named, token), token, enrolledStatus(token, request, address, fingerprint)) },
    ])
    failpoint('hub.enroll.after-commit')
    return written as Machine
  }

  function newMachine(token: JoinToken, request: EnrollRequest, address: string, fingerprint: string): Machine {
    const name = machineNameFor(request.hostname, (candidate) => resources.get('Machine', candidate) !== undefined, deps.randomBytes)
    return {
      apiVersion,
      kind: 'Machine',
      metadata: {
        ...{ name, finalizers: [identityFinalizer] },
        ...(token.metadata.labels?.[registrationLabel] !== undefined && { labels: { [registrationLabel]: 'true' } }),
      },
      spec: {
        ...(token.spec.clusterRef && { clusterRef: token.spec.clusterRef }),
        ...(token.spec.role && { role: token.spec.role }),
        ...(token.spec.approval === 'Automatic' && { approved: true }),
      },
      status: { ...enrolledStatus(token, request, address, fingerprint), conditions: [] },
    }
  }

  /** The Machine that a token of spec.machineRef stands for. */
  function machineFor(name: string, token: JoinToken): Machine {
    const machine = resources.get<Machine>('Machine', name)
    if (!machine || Date.parse(machine.metadata.creationTimestamp ?? '') > Date.parse(token.metadata.creationTimestamp ?? ''))
      throw new ApiError('Forbidden', `the machine ${name} of the join token does not exist any more`)
    if (machine.status?.certificate || machine.spec.revoked || machine.metadata.deletionTimestamp)
      throw new ApiError('Forbidden', `machine ${name} has an identity already, or may not have one any more`)
    return machine
  }

  function enrolledStatus(token: JoinToken, request: EnrollRequest, address: string, fingerprint: string): NonNullable<Machine['status']> {
    return {
      phase: 'Pending',
      agentId: newAgentId(deps.randomBytes),
      agentVersion: request.agentVersion,
      machineFingerprint: request.machineFingerprint,
      enrollment: {
        fingerprint,
        joinToken: token.metadata.name,
        requestedAt: clock.now().toISOString(),
        hostname: request.hostname,
        remoteAddress: address,
        addresses: request.addresses,
      },
    }
  }

  /** A status controller may write the token, or a user the machine's name, in between: read again, at most a few times. */
  async function admitInTurn(request: EnrollRequest, address: string, fingerprint: string): Promise<Machine> {
    for (let round = 0; ; round++) {
      try {
        return await turns.take(() => admit(request, address, fingerprint))
      } catch (error) {
        const isRace = error instanceof ApiError && (error.code === 'Conflict' || error.code === 'AlreadyExists')
        if (!isRace || round === 20) throw error
      }
    }
  }

  return {
    async enroll(request, { address }) {
      if (limiter.isBlocked(address))
        throw new ApiError('TooManyRequests', `too many failed attempts from ${address}`, { retryAfterSeconds: 60 })
      const problem = checkRequest(request)
      if (problem) throw new ApiError('BadRequest', problem)
      const csr = await verifyCsr(request.csr)
      try {
        const machine = await admitInTurn(request, address, csr.fingerprint)
        return await answer(machine, request, csr)
      } catch (error) {
        if (error instanceof ApiError && (error.code === 'Unauthorized' || error.code === 'Forbidden')) {
          limiter.failed(address)
          log.warn({ address, hostname: request.hostname, reason: error.message }, 'an enrolment was refused')
          await deps.audit({
            verb: 'enroll',
            name: request.hostname,
            decision: 'deny',
            result: error.reason,
            remoteAddress: address,
            detail: error.message,
          })
        }
        throw error
      }
    },
    async renew(agentId, request, { serial }) {
      if (!natsUserKeyPattern.test(request.natsPublicKey)) throw new ApiError('BadRequest', 'nats_public_key is not a NATS user public key')
      const machine = resources.get<Machine>('Machine', deps.machineName(agentId) ?? '')
      if (!machine) throw new ApiError('Forbidden', 'this identity belongs to no machine')
      if (request.machineFingerprint && isOtherMachine(machine, request.machineFingerprint)) {
        await deps.audit({ verb: 'renew', name: machine.metadata.name, decision: 'deny', result: 'IdentityCloned', remoteAddress: '' })
        // With a certificate of its own the copy would end the one that the rightful machine has.
        throw new ApiError('Forbidden', 'another machine has this identity; leave, then enrol anew')
      }
      // The certificate that asks has been used, so it is the one that stays valid beside the new one.
      const identity = await issue(machine, await verifyCsr(request.csr), request.natsPublicKey, serial)
      await deps.audit({ verb: 'renew', name: machine.metadata.name, decision: 'allow', result: 'Issued', remoteAddress: '' })
      return RenewResponse.fromPartial({ identity })
    },
    async onCertificateUsed(agentId, serial) {
      const machineName = deps.machineName(agentId)
      if (!machineName || !resources.get<Machine>('Machine', machineName)?.status?.certificate?.previousSerial) return
      await resources.modify<Machine>(
        'Machine',
        machineName,
        (current) => {
          const certificate = current.status?.certificate
          if (!certificate?.previousSerial || certificate.serial !== serial) return undefined
          const { previousSerial: _ended, ...kept } = certificate
          return { ...current, status: { ...current.status, certificate: kept } }
        },
        { subresource: 'status' },
      )
    },
  }
}

/** The Machine that was there before its agent, with the agent's request. */
function adopted(machine: Machine, token: JoinToken, status: NonNullable<Machine['status']>): Machine {
  const { metadata, spec } = machine
  const finalizers = [...new Set([...(metadata.finalizers ?? []), identityFinalizer])]
  const isApproved = token.spec.approval === 'Automatic' && spec.approved === undefined
  return {
    ...machine,
    metadata: { ...metadata, finalizers },
    spec: isApproved ? { ...spec, approved: true } : spec,
    status: { ...machine.status, ...status },
  }
}

/** Size and grammar of what a stranger sent; the wire itself is limited by the gateway. */
function checkRequest(request: EnrollRequest): string | undefined {
  if (!/^[A-Za-z0-9_-]{16,256}$/.test(request.joinToken)) return 'join_token does not have the form of a join token'
  if (request.csr.length === 0 || request.csr.length > 8192) return 'csr is empty or over 8 KiB'
  if (!natsUserKeyPattern.test(request.natsPublicKey)) return 'nats_public_key is not a NATS user public key'
  if (request.hostname.length === 0 || request.hostname.length > 253 || !/^[A-Za-z0-9._-]+$/.test(request.hostname))
    return 'hostname must be 1 to 253 letters, digits, dots, dashes or underscores'
  if (!/^[0-9a-f]{64}$/.test(request.machineFingerprint)) return 'machine_fingerprint is not a SHA-256 in hex'
  if (request.agentVersion.length > 64 || request.os.length > 128 || request.architecture.length > 32)
    return 'agent_version, os or architecture is too long'
  if (request.addresses.length > 64 || request.addresses.some((address) => address.length > 64))
    return 'addresses has over 64 entries or a too long one'
  return undefined
}
