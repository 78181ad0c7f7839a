// F-20: what a join token allows, and what it does not.
import test, { type ExecutionContext } from 'ava'
import { status } from '@grpc/grpc-js'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { EnrollState } from '#proto/moorline/v1/procedures.ts'
import { kindPath } from './client.ts'
import { conditionOf, type Fleet, startFleet } from './fleet.ts'
import { auditRows, checkFleet } from './invariants.ts'
import { askToEnroll, enrolled, giveToken, identityOf, natsOf, sayHello, startAddressRelay, type TokenGiven } from './wire.ts'

let fleet: Fleet
test.before(async () => {
  fleet = await startFleet({ agents: 1 })
})
test.after.always(() => fleet?.close())

const machinesOf = async ({ name }: TokenGiven): Promise<Machine[]> => {
  const { items } = (await fleet.client().ask('GET', `${kindPath}/machines`)).json<{ items: Machine[] }>()
  return items.filter((machine) => machine.status?.enrollment?.joinToken === name)
}
const tokenOf = async ({ name }: TokenGiven): Promise<JoinToken> =>
  (await fleet.client().ask('GET', `${kindPath}/jointokens/${name}`)).json<JoinToken>()
/** Each test comes from an address of its own, so that the failures of one do not limit another. */
const from = (t: ExecutionContext, address?: string) => startAddressRelay(t, fleet.hub.port, address)

test.serial('F-20: 50 machines at once with a token for 7: exactly 7 get an identity', async (t) => {
  const port = await from(t)
  const token = await giveToken(fleet, { uses: 7 })
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => askToEnroll(fleet, token, { port, request: { hostname: `crowd-${index}` } })),
  )
  t.is(answers.filter(({ answer }) => answer?.state === EnrollState.APPROVED).length, 7)
  t.deepEqual(new Set(answers.filter(({ answer }) => !answer).map(({ code }) => code)), new Set([status.PERMISSION_DENIED]))
  t.is((await machinesOf(token)).length, 7)
  t.is((await tokenOf(token)).status?.used, 7)
  t.is(new Set(answers.flatMap(({ answer }) => answer?.agentId ?? [])).size, 7)
})

test.serial('F-20: the same request again and again, also all at once, is one machine and one use', async (t) => {
  const port = await from(t)
  const token = await giveToken(fleet)
  const first = await askToEnroll(fleet, token, { port })
  const again = await Promise.all(Array.from({ length: 8 }, () => askToEnroll(fleet, token, { port, keys: first.keys })))
  t.deepEqual(new Set(again.map(({ answer }) => answer?.agentId)), new Set([first.answer?.agentId]))
  t.is((await machinesOf(token)).length, 1)
  t.is((await tokenOf(token)).status?.used, 1)
  // Whatever the order they were answered in, the last certificate that was given works.
  const last = await askToEnroll(fleet, token, { port, keys: first.keys })
  const nats = await natsOf(fleet, identityOf(last))
  t.true((await sayHello(nats, identityOf(last))).accepted)
  await nats.close()
})

test.serial('F-20: a used token, a revoked one, one for another host or address, and one never given are refused', async (t) => {
  const port = await from(t, '127.0.9.1')
  const used = await giveToken(fleet)
  await askToEnroll(fleet, used, { port })
  const revoked = await giveToken(fleet)
  const patch = { headers: { 'content-type': 'application/merge-patch+json' }, body: { spec: { revoked: true } } }
  t.is((await fleet.client().ask('PATCH', `${kindPath}/jointokens/${revoked.name}`, patch)).status, 200)
  const otherHost = await giveToken(fleet, { match: { hostname: 'the-right-one' } })
  const otherAddress = await giveToken(fleet, { match: { addresses: ['192.0.2.0/24'] } })
  const deleted = await giveToken(fleet)
  t.is((await fleet.client().ask('DELETE', `${kindPath}/jointokens/${deleted.name}`)).status, 200)
  const made = { ...used, token: `mlj_${'A'.repeat(used.token.length - 4)}` }
  const refusals: [TokenGiven, number, RegExp][] = [
    [used, status.PERMISSION_DENIED, /use/],
    [revoked, status.PERMISSION_DENIED, /revoked/],
    [otherHost, status.PERMISSION_DENIED, /the-right-one/],
    [otherAddress, status.PERMISSION_DENIED, /address/],
    [deleted, status.UNAUTHENTICATED, /not known/],
    [made, status.UNAUTHENTICATED, /not known/],
  ]
  for (const [token, code, message] of refusals) {
    const asked = await askToEnroll(fleet, token, { port })
    t.is(asked.code, code, asked.message)
    t.regex(asked.message, message)
    t.false(asked.message.includes(token.token))
  }
  for (const token of [revoked, otherHost, otherAddress]) t.deepEqual(await machinesOf(token), [])
  const denied = (await auditRows(fleet.client())).filter(
    ({ verb, decision, remoteAddress }) => verb === 'enroll' && decision === 'deny' && remoteAddress === '127.0.9.1',
  )
  t.is(denied.length, refusals.length)
})

test.serial('F-20: a token decides cluster and role; nothing that the machine says changes them', async (t) => {
  const port = await from(t)
  for (const name of ['north', 'south']) {
    const body = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { type: 'Registered' } }
    t.is((await fleet.client().ask('POST', `${kindPath}/clusters`, { body })).status, 201)
  }
  const token = await giveToken(fleet, { clusterRef: 'north', role: 'worker', approval: 'Manual' })
  // An unknown field of the wire and a host name that names the other cluster.
  const request = { hostname: 'south', clusterRef: 'south', role: 'controlPlane' } as object
  const asked = await askToEnroll(fleet, token, { port, request })
  t.is(asked.answer?.state, EnrollState.PENDING)
  t.is(asked.answer?.identity, undefined)
  const [machine] = await machinesOf(token)
  t.like(machine?.spec, { clusterRef: 'north', role: 'worker' })
  t.is(machine?.spec.approved, undefined)
  // The same key with a token for the other cluster is not moved there.
  const moved = await askToEnroll(fleet, await giveToken(fleet, { clusterRef: 'south' }), { port, keys: asked.keys })
  t.is(moved.code, status.PERMISSION_DENIED)
  t.is((await machinesOf(token))[0]?.spec.clusterRef, 'north')
})

test.serial('F-20: a token is worth nothing after its time, by the hub’s clock', async (t) => {
  const port = await from(t)
  const token = await giveToken(fleet, { ttlSeconds: 60 })
  const { status: given } = await tokenOf(token)
  t.true(Date.parse(given?.expiresAt ?? '') - Date.now() <= 60_000)
  // The shortest life is a minute; an admin who shortens it saves the wait.
  const patch = {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { status: { expiresAt: new Date(Date.now() - 1).toISOString() } },
  }
  const written = await fleet.client().ask('PATCH', `${kindPath}/jointokens/${token.name}/status`, patch)
  t.is(written.status, 200, written.text)
  const asked = await askToEnroll(fleet, token, { port })
  t.is(asked.code, status.PERMISSION_DENIED)
  t.regex(asked.message, /expired/)
})

test.serial('F-20: guessing is limited per address, before a right token is even looked at; others are not concerned', async (t) => {
  const guesser = await from(t, '127.0.9.9')
  const token = await giveToken(fleet)
  const codes: number[] = []
  for (let guess = 0; guess < 30; guess++) {
    const made = `mlj_${String(guess).padStart(token.token.length - 4, 'B')}`
    codes.push((await askToEnroll(fleet, { ...token, token: made }, { port: guesser })).code)
  }
  const looked = codes.filter((code) => code === status.UNAUTHENTICATED).length
  t.true(looked >= 10 && looked <= 15, `${looked} guesses were looked at`)
  t.is(codes.at(-1), status.RESOURCE_EXHAUSTED)
  t.is((await askToEnroll(fleet, token, { port: guesser })).code, status.RESOURCE_EXHAUSTED)
  t.is((await tokenOf(token)).status?.used, 0)
  t.is((await askToEnroll(fleet, token, { port: await from(t) })).code, 0)
})

test.serial('F-20: after all of it the invariants hold, and the tokens are nowhere', async (t) => {
  await fleet.work()
  t.deepEqual(await checkFleet(fleet), [])
  const identity = await enrolled(fleet, {}, { port: await from(t) })
  const machine = (await fleet.client().ask('GET', `${kindPath}/machines/${identity.machineName}`)).json<Machine>()
  t.is(conditionOf(machine, 'Connected')?.status, 'False')
})
