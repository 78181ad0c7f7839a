// What a join token allows, asked by the agent's own enroll.
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { agentCommand, conditionOf, type Site, startEnroll, startRun, startSite } from './site.ts'

const owner = createOwner()
let site: Site
let serial = 0

test.before(async () => {
  site = await startSite(owner)
})
test.after.always(() => owner.close())

async function ask(token: JoinToken) {
  const stateDir = join(site.directory, `machine-${++serial}`)
  const program = await startEnroll(owner, site.hub.listen, token, { stateDir, args: ['--no-wait'] })
  const { code } = await program.exited
  return { code, stdout: program.stdout(), stderr: program.stderr(), stateDir }
}

const current = (token: JoinToken) => site.hub.api.get<JoinToken>(`/apis/${apiVersion}/jointokens/${token.metadata.name}`)
const phaseBecomes = (token: JoinToken, phase: string) =>
  until(`the token to be ${phase}`, async () => {
    const now = await current(token)
    return now.status?.phase === phase ? now : undefined
  })
const machinesOf = async (token: JoinToken) =>
  (JSON.parse(await site.kubectl('get', 'machines', '-o', 'json')).items as Machine[]).filter(
    ({ status }) => status?.enrollment?.joinToken === token.metadata.name,
  )

test.serial('F-20: two uses are two machines, however many ask at once', async (t) => {
  const token = await site.joinToken({ uses: 2, approval: 'Automatic' })
  const answers = await Promise.all([ask(token), ask(token), ask(token), ask(token)])
  t.is(answers.filter(({ code }) => code === 0).length, 2)
  for (const { code, stderr } of answers) if (code !== 0) t.regex(stderr, /all 2 uses of the join token are taken/)
  t.is((await machinesOf(token)).length, 2)
  const used = await phaseBecomes(token, 'Exhausted')
  t.is(used.status?.used, 2)
  t.like(conditionOf(used, 'Usable'), { status: 'False', reason: 'Exhausted' })
})

test.serial('a token for another host name or network is refused with that reason and not used up', async (t) => {
  const other = await site.joinToken({ match: { hostname: 'somewhere-else' } })
  const refused = await ask(other)
  t.is(refused.code, 1)
  t.regex(refused.stderr, /the join token is for the host name somewhere-else/)
  t.is((await current(other)).status?.used ?? 0, 0)
  const network = await ask(await site.joinToken({ match: { addresses: ['203.0.113.0/24'] } }))
  t.regex(network.stderr, /not for the address 127\.0\.0\.1/)
  t.is((await ask(await site.joinToken({ match: { hostname: hostname(), addresses: ['127.0.0.0/8'] }, approval: 'Automatic' }))).code, 0)
})

test.serial('a revoked token lets nobody ask, and names the machines that came in by it', async (t) => {
  const token = await site.joinToken({ uses: 5, approval: 'Automatic' })
  t.is((await ask(token)).code, 0)
  await site.kubectl('patch', 'jointoken', token.metadata.name, '--type=merge', '-p', '{"spec":{"revoked":true}}')
  const refused = await ask(token)
  t.is(refused.code, 1)
  t.regex(refused.stderr, /the join token has been revoked/)
  const [machine] = await machinesOf(token)
  const revoked = await phaseBecomes(token, 'Revoked')
  t.true(conditionOf(revoked, 'Usable')?.message.includes(machine?.metadata.name ?? 'none'))
  const back = await site.tryKubectl(['patch', 'jointoken', token.metadata.name, '--type=merge', '-p', '{"spec":{"revoked":false}}'])
  t.regex(back.stderr, /cannot be taken back/)
})

test.serial('an expired token is refused by the hub’s clock', async (t) => {
  const token = await site.joinToken({ ttlSeconds: 60 })
  // The shortest lifetime is a minute; the end is moved instead of waited for.
  const status = JSON.stringify({ status: { expiresAt: new Date(Date.now() - 1_000).toISOString() } })
  await site.kubectl('patch', 'jointoken', token.metadata.name, '--subresource=status', '--type=merge', '-p', status)
  const refused = await ask(token)
  t.is(refused.code, 1)
  t.regex(refused.stderr, /the join token expired at/)
  await phaseBecomes(token, 'Expired')
  const never = await ask({ ...token, status: { ...token.status, token: 'no-such-token-0123456789' } })
  t.is(never.code, 1)
  t.false(never.stderr.includes('no-such-token'), 'a secret is not repeated')
})

test.serial('a token bound to a cluster puts the machine there, with its role, and the cluster counts it', async (t) => {
  await site.apply({ apiVersion, kind: 'Cluster', metadata: { name: 'lab' }, spec: { type: 'Registered', displayName: 'Lab' } })
  const missing = await site.tryKubectl(
    ['create', '-f', '-'],
    JSON.stringify({ apiVersion, kind: 'JoinToken', metadata: { name: 'x' }, spec: { clusterRef: 'nowhere' } }),
  )
  t.regex(missing.stderr, /spec\.clusterRef: .*no Cluster of this name/)
  const token = await site.joinToken({ clusterRef: 'lab', role: 'controlPlane' })
  const counts = async () => (JSON.parse(await site.kubectl('get', 'cluster', 'lab', '-o', 'json')) as Cluster).status
  const asked = await ask(token)
  t.is(asked.code, 0, asked.stderr)
  const [machine] = await machinesOf(token)
  const name = machine?.metadata.name ?? ''
  t.like(machine?.spec, { clusterRef: 'lab', role: 'controlPlane' })
  await until('the pending machine to be counted', async () => (await counts())?.machines?.pending === 1)
  await site.kubectl('patch', 'machine', name, '--type=merge', '-p', '{"spec":{"approved":true}}')
  // `enroll --no-wait` has returned: the service goes on asking.
  const agent = await startRun(owner, { stateDir: asked.stateDir })
  await site.kubectl('wait', '--for=condition=Connected', `machine/${name}`, '--timeout=30s')
  t.regex(await site.kubectl('wait', '--for=condition=Ready', 'cluster/lab', '--timeout=10s'), /condition met/)
  t.like(await counts(), { phase: 'Running', machines: { total: 1, connected: 1, pending: 0 } })
  t.regex(await site.kubectl('get', 'machines', '--field-selector', 'spec.clusterRef=lab'), new RegExp(`^${name} +lab +Connected`, 'm'))

  await site.kubectl('patch', 'machine', name, '--type=merge', '-p', '{"spec":{"revoked":true}}')
  await until('the revocation to end the connection', async () => (await site.machine(name)).status?.phase === 'Revoked', {
    timeoutMs: 5_000,
  })
  await until('the cluster to know', async () => (await counts())?.machines?.connected === 0)
  await until('the agent to say what happened', () => agent.stderr().includes('HubClosed'))
  const status = await agentCommand(owner, 'status', '--state-dir', asked.stateDir)
  t.is(status.code, 1)
  t.regex(status.stdout, /last error .*HubClosed/)
  t.is((await agent.stop()).code, 0)
})
