import { statSync } from 'node:fs'
import { join } from 'node:path'
import { verify, X509Certificate } from 'node:crypto'
import test from 'ava'
import { enroll } from '#agent/enroll/enroll.ts'
import { groupsOfFour } from '#agent/enroll/csr.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { natsProof } from '#agent/link/nats-auth.ts'
import { EnrollResponse, EnrollState } from '#proto/moorline/v1/procedures.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import { pinOf } from '#agent/link/tls.ts'
import { fastClock, shiftedClock } from '#test/agent/link/clocks.ts'
import { joinToken, startFleet } from '#test/agent/link/fleet.ts'
import { startMicrosocks, startTinyproxy } from '#test/agent/link/proxies.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

const otherPin = Buffer.alloc(32, 7).toString('base64')

test.serial('the request is one that the hub accepts, and its key hash is what the hub computes', async (t) => {
  const half = publicHalf(createKeys())
  const verified = await verifyCsr(half.csr)
  t.is(verified.publicKeyHash, half.keyHash)
  t.is(verified.fingerprint, groupsOfFour(half.keyHash))
  t.regex(half.natsPublicKey, /^U[A-Z2-7]{55}$/)
})

test.serial('the NATS proof is a signature of the nonce', (t) => {
  const { natsSeed } = createKeys()
  const proof = natsProof('jwt', natsSeed, 'nonce')
  const raw = Buffer.from(base32(proof.nkey)).subarray(1, 33)
  const key = { key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' } as const
  t.true(verify(null, Buffer.from('nonce'), key, Buffer.from(proof.sig, 'base64url')))
})

test.serial('an approved request leaves a complete identity that only its owner can read', async (t) => {
  const fleet = await startFleet(t)
  const stateDir = await tempDir(t)
  const { identity } = await fleet.enrolled(stateDir)
  t.is(identity.generation, 1)
  t.deepEqual(openIdentityStore(stateDir).current(), identity)
  for (const name of ['private-key.pem', 'nats.seed', 'identity.json'])
    t.is(statSync(join(stateDir, 'identity', 'identity-1', name)).mode & 0o777, 0o600)
  t.is(statSync(join(stateDir, 'identity')).mode & 0o777, 0o700)
})

test.serial('the clone check has what it needs: fingerprint and description go along', async (t) => {
  let seen: unknown
  const fleet = await startFleet(t, {
    handlers: {
      enroll(request) {
        seen = request
        return Promise.resolve(EnrollResponse.fromPartial({ state: EnrollState.DENIED, message: 'no' }))
      },
    },
  })
  await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t))))
  t.like(seen, { joinToken, hostname: 'machine', machineFingerprint: 'f'.repeat(64), architecture: 'x64', addresses: ['192.0.2.1'] })
})

test.serial('a pending request shows the fingerprint of this machine’s key once and waits for the approval', async (t) => {
  const fleet = await startFleet(t)
  fleet.setApproval('pending')
  const stateDir = await tempDir(t)
  const shown: string[] = []
  const running = enroll(
    fleet.enrollOptions(stateDir, { isWaiting: true, clock: fastClock(20), onPending: (fingerprint) => void shown.push(fingerprint) }),
  )
  await until('the hub to be asked twice', () => fleet.gateway.stats().connections.enroll > 0 && shown.length > 0)
  fleet.setApproval('approved')
  const result = await running
  t.is(result.state, 'approved')
  t.deepEqual(shown, [[...fleet.members.values()][0]?.fingerprint ?? ''])
  t.is(fleet.asked(), 1)
})

test.serial('without waiting a pending request is an answer', async (t) => {
  const fleet = await startFleet(t)
  fleet.setApproval('pending')
  const stateDir = await tempDir(t)
  const first = await enroll(fleet.enrollOptions(stateDir))
  fleet.setApproval('approved')
  const second = await enroll(fleet.enrollOptions(stateDir))
  t.is(first.state, 'pending')
  t.is(second.state, 'approved')
  t.is(fleet.asked(), 1, 'the same key asked')
})

test.serial('a denial is the end, with the hub’s words', async (t) => {
  const fleet = await startFleet(t)
  fleet.setApproval('denied')
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t), { isWaiting: true })))
  t.like(error, { code: 'EnrollmentDenied', message: 'an operator denied it' })
})

test.serial('a wrong token is the end, also when told to wait', async (t) => {
  const fleet = await startFleet(t)
  const options = fleet.enrollOptions(await tempDir(t), { isWaiting: true, joinToken: 'another-token-0123456789' })
  const error = await t.throwsAsync(enroll(options))
  t.is((error as { code?: string }).code, 'EnrollmentRefused')
  t.notRegex(error.message, /another-token/)
})

test.serial('a hub without the pinned key gets no token', async (t) => {
  const fleet = await startFleet(t)
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t), { pins: [otherPin], isWaiting: true })))
  t.is((error as { code?: string }).code, 'HubNotTrusted')
  t.is(fleet.asked(), 0)
  t.false(fleet.recorded.calls.some(({ name }) => name === 'enroll'))
})

test.serial('the pin of the next CA beside an unknown one is enough when it is in the chain', async (t) => {
  const fleet = await startFleet(t)
  const [current = ''] = fleet.pki.pins
  t.is((await enroll(fleet.enrollOptions(await tempDir(t), { pins: [otherPin, current] }))).state, 'approved')
})

test.serial('the pin of the server’s own certificate is not enough: a root has to be a CA', async (t) => {
  const fleet = await startFleet(t)
  const leaf = new X509Certificate(String(fleet.pki.agentTls.cert))
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t), { pins: [pinOf(leaf)] })))
  t.is((error as { code?: string }).code, 'HubNotTrusted')
})

test.serial('an answer about another key is refused and nothing is kept', async (t) => {
  const fleet = await startFleet(t, {
    handlers: {
      enroll: () => Promise.resolve(EnrollResponse.fromPartial({ state: EnrollState.PENDING, fingerprint: '0000 1111' })),
    },
  })
  const stateDir = await tempDir(t)
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(stateDir, { isWaiting: true })))
  t.is((error as { code?: string }).code, 'FingerprintMismatch')
  t.is(openIdentityStore(stateDir).current(), undefined)
})

test.serial('control characters in what a hub says do not reach the terminal', async (t) => {
  const fleet = await startFleet(t, {
    handlers: {
      async enroll(request) {
        const { fingerprint } = await verifyCsr(request.csr)
        return EnrollResponse.fromPartial({ state: EnrollState.DENIED, fingerprint, message: 'no\u001b[31m\r\nroot#' })
      },
    },
  })
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t))))
  t.is(error.message, 'no?[31m??root#')
})

for (const [name, kind, start] of [
  ['SOCKS5', 'socks5', startMicrosocks],
  ['HTTP CONNECT', 'http', startTinyproxy],
] as const) {
  test.serial(`enrolment goes through a ${name} proxy with credentials`, async (t) => {
    const fleet = await startFleet(t)
    const running = await start(t)
    const proxy = { kind, ...running }
    t.is((await enroll(fleet.enrollOptions(await tempDir(t), { proxy }))).state, 'approved')
    const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t), { proxy: { ...proxy, password: 'wrong' } })))
    t.regex(error.message, /authentication failed|CONNECT refused: 40/)
  })
}

test.serial('a hub that is away is waited for', async (t) => {
  const fleet = await startFleet(t)
  const clock = fastClock(20)
  let isAway = true
  const options = fleet.enrollOptions(await tempDir(t), { isWaiting: true, clock })
  Object.defineProperty(options, 'hub', { get: () => ({ host: '127.0.0.1', port: isAway ? 1 : fleet.port }) })
  const running = enroll(options)
  await new Promise((resolve) => clock.setTimer(2_000, () => resolve(undefined)))
  isAway = false
  t.is((await running).state, 'approved')
})

test.serial('F-10: a hub certificate from the future is told as the clock’s fault', async (t) => {
  const fleet = await startFleet(t, { pkiClock: shiftedClock(400 * 24 * 3600 * 1000) })
  const error = await t.throwsAsync(enroll(fleet.enrollOptions(await tempDir(t))))
  t.is((error as { code?: string }).code, 'ClockWrong')
})

function base32(text: string): number[] {
  let bits = 0
  let value = 0
  const out: number[] = []
  for (const letter of text) {
    value = (value << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter)
    bits += 5
    if (bits >= 8) {
      bits -= 8
      out.push((value >> bits) & 0xff)
    }
  }
  return out
}
