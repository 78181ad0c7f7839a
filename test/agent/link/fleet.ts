// A hub's gateway with real TLS and a real nats-server, and the least enrolment that behaves as the hub's does: one key is one
// request, two certificates are valid until the newer one has been used.
import type { ExecutionContext } from 'ava'
import { createEmptyHandlers } from './handlers.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { newAgentId, startFixture, type Fixture } from '#test/hub/gateway/fixture.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import type { GatewayHandlers, GatewayOptions } from '#hub/gateway/types.ts'
import { openPki } from '#hub/pki/open.ts'
import type { Pki } from '#hub/pki/types.ts'
import { enroll, type EnrollOptions } from '#agent/enroll/enroll.ts'
import { type IdentityStore, openIdentityStore } from '#agent/enroll/identity-store.ts'
import { createLink, type Link, type LinkOptions } from '#agent/link/link.ts'
import type { Hello, Identity } from '#agent/link/types.ts'
import { EnrollResponse, EnrollState, type IdentityBundle, RenewResponse } from '#proto/moorline/v1/procedures.ts'
import { type Clock, systemClock } from '#shared/clock/clock.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { silentLog } from '#shared/log/log.ts'

export const joinToken = 'join-token-for-tests-0123456789'

export interface Member {
  agentId: string
  fingerprint: string
  serials: string[]
}

export interface Fleet extends Fixture {
  members: Map<string, Member>
  /** What enrolment answers from now on. */
  setApproval(state: 'approved' | 'pending' | 'denied'): void
  /** How many different keys have asked. */
  asked(): number
  enrollOptions(stateDir: string, more?: Partial<EnrollOptions>): EnrollOptions
  enrolled(stateDir?: string): Promise<{ store: IdentityStore; identity: Identity; stateDir: string }>
  link(identity: Identity | (() => Identity), more?: Partial<LinkOptions>): Link
}

export interface FleetOptions extends Partial<Omit<GatewayOptions, 'handlers' | 'clock'>> {
  handlers?: Partial<GatewayHandlers>
  /** The clock of the hub's CA. */
  pkiClock?: Clock
}

export const helloOf = (more: Partial<Hello> = {}): Hello => ({
  protocolVersion: 1,
  agentVersion: 'test',
  bootId: 'boot',
  machineFingerprint: 'f'.repeat(64),
  sessionId: 'session',
  lastSequence: 0n,
  allowedActions: ['facts'],
  tunnelTargets: [],
  certificateSerial: '',
  ...more,
})

export async function startFleet(t: ExecutionContext, { pkiClock = systemClock, ...options }: FleetOptions = {}): Promise<Fleet> {
  const members = new Map<string, Member>()
  const byKey = new Map<string, string>()
  let approval: 'approved' | 'pending' | 'denied' = 'approved'
  const dataDir = options.dataDir ?? (await tempDir(t))
  const issuer: Pki = await openPki({ dataDir, names: ['localhost', '127.0.0.1'], clock: pkiClock })

  const issue = async (member: Member, csr: Uint8Array, natsPublicKey: string, previous?: string): Promise<IdentityBundle> => {
    const certificate = await issuer.issueAgentCertificate({ csr: await verifyCsr(csr), agentId: member.agentId, machineName: 'machine' })
    member.serials = [certificate.serial, ...(previous === undefined ? [] : [previous])]
    return {
      certificateChain: certificate.chainPem,
      fleetCa: issuer.fleetCaPem,
      natsUserJwt: await fixture.gateway.natsUserJwt(member.agentId, natsPublicKey),
      pins: issuer.pins,
      taskSigningKeys: issuer.taskSigner.publicKeys,
      notAfter: certificate.notAfter,
    }
  }

  const fixture = await startFixture({
    ...options,
    dataDir,
    handlers: {
      async enroll(request) {
        if (request.joinToken !== joinToken) throw new ApiError('Unauthorized', 'the join token is not known to this hub')
        const { fingerprint } = await verifyCsr(request.csr)
        const agentId = byKey.get(fingerprint) ?? newAgentId()
        byKey.set(fingerprint, agentId)
        const member = members.get(agentId) ?? { agentId, fingerprint, serials: [] }
        members.set(agentId, member)
        const base = { machineName: 'machine', agentId, fingerprint }
        if (approval === 'denied')
          return EnrollResponse.fromPartial({ ...base, state: EnrollState.DENIED, message: 'an operator denied it' })
        if (approval === 'pending') {
          return EnrollResponse.fromPartial({ ...base, state: EnrollState.PENDING, retryAfterMs: 10, message: 'waits for approval' })
        }
        const identity = await issue(member, request.csr, request.natsPublicKey)
        return EnrollResponse.fromPartial({ ...base, state: EnrollState.APPROVED, identity })
      },
      async renew(agentId, request, { serial }) {
        const member = members.get(agentId)
        if (!member) throw new ApiError('Forbidden', 'this identity belongs to no machine')
        return RenewResponse.fromPartial({ identity: await issue(member, request.csr, request.natsPublicKey, serial) })
      },
      isAllowed: (agentId, serial) => (members.get(agentId)?.serials.includes(serial) ? { ok: true } : { ok: false, reason: 'NotCurrent' }),
      onCertificateUsed(agentId, serial) {
        const member = members.get(agentId)
        if (member?.serials[0] === serial) member.serials = [serial]
      },
      ...options.handlers,
    },
  })
  t.teardown(() => fixture.close())

  const hub = { host: '127.0.0.1', port: fixture.port }
  const enrollOptions = (stateDir: string, more: Partial<EnrollOptions> = {}): EnrollOptions => ({
    store: openIdentityStore(stateDir),
    hub,
    pins: issuer.pins,
    joinToken,
    machine: {
      hostname: 'machine',
      machineFingerprint: 'f'.repeat(64),
      agentVersion: 'test',
      os: 'linux',
      architecture: 'x64',
      addresses: ['192.0.2.1'],
    },
    isWaiting: false,
    clock: systemClock,
    random: Math.random,
    signal: new AbortController().signal,
    log: silentLog,
    ...more,
  })

  return {
    ...fixture,
    members,
    setApproval(state) {
      approval = state
    },
    asked: () => byKey.size,
    enrollOptions,
    async enrolled(given) {
      const stateDir = given ?? (await tempDir(t))
      const all = enrollOptions(stateDir)
      const result = await enroll(all)
      if (result.state !== 'approved') throw new Error('not approved')
      return { store: all.store, identity: result.identity, stateDir }
    },
    link(identity, more = {}) {
      const link = createLink({
        identity,
        hub,
        clock: systemClock,
        random: Math.random,
        log: silentLog,
        handlers: createEmptyHandlers(),
        hello: () => helloOf(),
        ...more,
      })
      t.teardown(() => link.stop())
      return link
    },
  }
}
