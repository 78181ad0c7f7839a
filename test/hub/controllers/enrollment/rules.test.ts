import test from 'ava'
import fc from 'fast-check'
import type { Clock } from '#shared/clock/clock.ts'
import type { JoinToken, JoinTokenSpec } from '#shared/contract/join-token.ts'
import { namePattern } from '#shared/contract/meta.ts'
import { agentIdPattern } from '#shared/contract/subjects.ts'
import { addressInCidr } from '#shared/net/cidr.ts'
import { machineNameFor, newAgentId } from '#hub/controllers/enrollment/machine-name.ts'
import { createFailureLimiter } from '#hub/controllers/enrollment/rate-limit.ts'
import { judgeToken } from '#hub/controllers/enrollment/token-rules.ts'

const now = new Date('2030-01-01T00:00:00Z')
const bytes = (count: number) => crypto.getRandomValues(new Uint8Array(count))

function token(spec: JoinTokenSpec, used = 0, expiresAt = '2030-01-02T00:00:00Z'): JoinToken {
  return { apiVersion: 'moorline.dev/v1alpha1', kind: 'JoinToken', metadata: { name: 'j' }, spec, status: { expiresAt, used } }
}
const caller = { hostname: 'node-1', address: '10.1.2.3' }

test('a token is refused once it is revoked, expired or used up, each with its own reason', (t) => {
  const reason = (subject: JoinToken) => {
    const verdict = judgeToken(subject, caller, now, addressInCidr)
    return verdict.ok ? 'ok' : verdict.reason
  }
  t.is(reason(token({})), 'ok')
  t.is(reason(token({ revoked: true })), 'Revoked')
  t.is(reason(token({}, 0, '2029-12-31T23:59:59Z')), 'Expired')
  t.is(reason(token({}, 1)), 'Exhausted')
  t.is(reason(token({ uses: 2 }, 1)), 'ok')
  t.is(reason(token({ match: { hostname: 'node-2' } })), 'HostnameMismatch')
  t.is(reason(token({ match: { addresses: ['10.2.0.0/16'] } })), 'AddressMismatch')
  t.is(reason(token({ match: { addresses: ['10.2.0.0/16', '10.1.0.0/16'] } })), 'ok')
})

test('a machine name is always a free RFC 1123 name, whatever the host calls itself', (t) => {
  const taken = new Set(['node-1'])
  t.is(machineNameFor('node-1', (name) => taken.has(name), bytes).startsWith('node-1-'), true)
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (hostname) => {
      const name = machineNameFor(hostname, () => false, bytes)
      t.regex(name, new RegExp(namePattern))
      t.true(name.length <= 63)
    }),
    { numRuns: 300 },
  )
})

test('an agent id fits its grammar and has no subject separator', (t) => {
  for (let round = 0; round < 200; round++) t.regex(newAgentId(bytes), agentIdPattern)
})

test('guessing is slowed per address and in bounded memory', (t) => {
  let nowMs = 0
  const clock = { monotonicMs: () => nowMs } as Clock
  const limiter = createFailureLimiter(clock, { burst: 3, refillMs: 1_000, maxAddresses: 2 })
  for (let round = 0; round < 3; round++) {
    t.false(limiter.isBlocked('a'))
    limiter.failed('a')
  }
  t.true(limiter.isBlocked('a'))
  t.false(limiter.isBlocked('b'))
  nowMs += 1_100
  t.false(limiter.isBlocked('a'))
  for (const address of ['b', 'c', 'd']) for (let round = 0; round < 3; round++) limiter.failed(address)
  t.true(limiter.isBlocked('d'))
  t.false(limiter.isBlocked('b'))
})
