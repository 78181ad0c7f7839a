import test from 'ava'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Credential } from '#shared/contract/credential.ts'
import { planCredential } from '#hub/controllers/credential/plan.ts'

const now = new Date('2030-01-01T00:00:00.000Z')
const credential = (expiresAt?: string): Credential => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind: 'Credential',
  metadata: { name: 'one', generation: 1 },
  spec: { type: 'Token', data: { token: '(sealed)' } },
  status: { conditions: [], ...(expiresAt && { expiresAt }) },
})

test('a token that ends in 31 days is no warning yet, and is looked at again when it becomes one', (t) => {
  const { status, nextAt } = planCredential(credential('2030-02-01T00:00:00.000Z'), true, now)
  t.is(findCondition(status?.conditions, 'CredentialExpiring')?.status, 'False')
  t.is(nextAt?.toISOString(), '2030-01-02T00:00:00.000Z')
})

test('within 30 days it is CredentialExpiring with the time, and Expired after it', (t) => {
  const near = planCredential(credential('2030-01-31T00:00:00.000Z'), true, now)
  const warning = findCondition(near.status?.conditions, 'CredentialExpiring')
  t.like(warning, { status: 'True', reason: 'ExpiresSoon' })
  t.regex(warning?.message ?? '', /2030-01-31T00:00:00\.000Z/)
  t.is(near.nextAt?.toISOString(), '2030-01-31T00:00:00.000Z')
  const over = planCredential(credential('2029-12-31T00:00:00.000Z'), true, now)
  t.like(findCondition(over.status?.conditions, 'CredentialExpiring'), { status: 'True', reason: 'Expired' })
  t.is(over.nextAt, undefined)
})

test('one that does not say when it ends has no such condition; a new one without an end takes it away', (t) => {
  const first = planCredential(credential('2030-01-31T00:00:00.000Z'), true, now)
  const next = planCredential({ ...credential(), status: { conditions: first.status?.conditions } }, true, now)
  t.is(findCondition(next.status?.conditions, 'CredentialExpiring'), undefined)
  t.is(findCondition(next.status?.conditions, 'Usable')?.status, 'True')
})

test('what another key has sealed is Usable=False with what to do, and nothing changes the second time', (t) => {
  const { status } = planCredential(credential(), false, now)
  const usable = findCondition(status?.conditions, 'Usable')
  t.like(usable, { status: 'False', reason: 'SealedWithAnotherKey' })
  t.regex(usable?.message ?? '', /credentials\.key/)
  t.is(planCredential({ ...credential(), status }, false, now).status, undefined)
})
