import test from 'ava'
import type { JoinToken } from '#shared/contract/join-token.ts'
import { planJoinToken } from '#hub/controllers/join-token/plan.ts'

const now = new Date('2030-01-01T00:00:00Z')
const token = (spec: JoinToken['spec'], used = 0): JoinToken => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind: 'JoinToken',
  metadata: { name: 'j' },
  spec,
  status: { expiresAt: '2030-01-02T00:00:00Z', used },
})

test('an active token is looked at again when it expires', (t) => {
  const plan = planJoinToken(token({ uses: 2 }, 1), [], now)
  t.is(plan.status?.phase, 'Active')
  t.deepEqual(plan.nextAt, new Date('2030-01-02T00:00:00Z'))
  t.is(planJoinToken(token({}), [], new Date('2030-01-02T00:00:00Z')).status?.phase, 'Expired')
  t.is(planJoinToken(token({}, 1), [], now).status?.phase, 'Exhausted')
})

test('a revoke lists the machines that joined with the token', (t) => {
  const status = planJoinToken(token({ revoked: true }), ['m-1', 'm-2'], now).status
  t.is(status?.phase, 'Revoked')
  t.regex(status?.conditions?.[0]?.message ?? '', /m-1, m-2/)
})

test('nothing is written twice', (t) => {
  const subject = token({})
  subject.status = planJoinToken(subject, [], now).status
  t.is(planJoinToken(subject, [], now).status, undefined)
})
