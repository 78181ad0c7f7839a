// Access tokens and bindings as their bearers meet them, with kubectl.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { AccessBindingSpec, AccessToken } from '#shared/contract/access.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent } from '#test/helpers/agent.ts'
import { kubectl } from '#test/helpers/kubectl.ts'
import { list, type Site, startSite, taskObject } from './site.ts'

const owner = createOwner()
let site: Site
let lab: string
let other: string

test.before(async () => {
  site = await startSite(owner)
  for (const name of ['lab', 'prod']) await site.apply({ apiVersion, kind: 'Cluster', metadata: { name }, spec: { type: 'Registered' } })
  const machineIn = async (clusterRef: string) =>
    (await startTestAgent(owner, site.hub, { stateDir: join(site.directory, clusterRef), token: { clusterRef } })).machine.metadata.name
  lab = await machineIn('lab')
  other = await machineIn('prod')
})
test.after.always(() => owner.close())

/** A kubectl of this user and nobody else. */
async function userWith(name: string, ...bindings: Omit<AccessBindingSpec, 'subjects'>[]) {
  const object = { apiVersion, kind: 'AccessToken', metadata: { generateName: `${name}-` }, spec: { user: name } }
  const token = JSON.parse((await site.tryKubectl(['create', '-f', '-', '-o', 'json'], list([object]))).stdout) as AccessToken
  for (const [index, binding] of bindings.entries())
    await site.apply({
      apiVersion,
      kind: 'AccessBinding',
      metadata: { name: `${name}-${index}` },
      spec: { ...binding, subjects: [{ kind: 'User', name }] },
    })
  const path = join(site.directory, `${name}.kubeconfig`)
  const config = await site.kubectl('config', 'view', '--raw', '-o', 'json')
  const admin = JSON.parse(config) as { users: { user: { token: string } }[] }
  const [entry] = admin.users
  if (entry) entry.user.token = token.status?.token ?? ''
  await writeFile(path, JSON.stringify(admin), { mode: 0o600 })
  return Object.assign((args: readonly string[], stdin?: string) => kubectl(path, args, { stdin }), { token })
}

const factsOf = (name: string, machine: string) => JSON.stringify(taskObject(name, { machine, action: 'facts' }))

test.serial('a viewer reads everything of the fleet, changes nothing, and never sees a secret', async (t) => {
  const viewer = await userWith('vera', { role: 'viewer' })
  t.regex((await viewer(['auth', 'whoami'])).stdout, /vera/)
  t.is((await viewer(['get', 'machines,tasks,clusters,jointokens', '-o', 'yaml'])).code, 0)
  t.regex((await viewer(['auth', 'can-i', 'get', 'machines'])).stdout, /^yes/)
  t.regex((await viewer(['auth', 'can-i', 'create', 'tasks'])).stdout, /^no/)
  const created = await viewer(['create', '-f', '-'], factsOf('by-viewer', lab))
  t.is(created.code, 1)
  t.regex(created.stderr, /forbidden/i)
  t.regex(created.stderr, /user vera may not create Task.*operator/)
  for (const args of [
    ['delete', 'machine', lab],
    ['patch', 'machine', lab, '--type=merge', '-p', '{"spec":{"approved":false}}'],
    ['get', 'accesstokens'],
    ['get', 'accessbindings'],
    ['create', '--raw', '/auth/login-links', '-f', '/dev/null'],
  ])
    t.regex((await viewer(args)).stderr, /forbidden/i, args.join(' '))
  t.is((await site.machine(lab)).spec.approved, true)
})

test.serial('an operator of one cluster runs tasks there, and sees nothing of another', async (t) => {
  const operator = await userWith('otto', { role: 'operator', clusterRef: 'lab' })
  t.is((await operator(['apply', '-f', '-'], factsOf('in-lab', lab))).code, 0)
  t.is((await site.finished('in-lab')).status?.state, 'Succeeded')
  t.is((await operator(['get', 'task', 'in-lab'])).code, 0)
  t.is((await operator(['get', '--raw', `/apis/${apiVersion}/tasks/in-lab/log`])).code, 0)
  const outside = await operator(['apply', '-f', '-'], factsOf('in-prod', other))
  t.is(outside.code, 1)
  t.regex(outside.stderr, /limited to the cluster lab/)
  t.is((await operator(['get', 'machines', '-o', 'name'])).stdout, `machine.moorline.dev/${lab}\n`)
  t.regex((await operator(['get', 'machine', other])).stderr, /forbidden|not found/i)
  await site.apply(taskObject('of-prod', { machine: other, action: 'facts' }))
  await site.finished('of-prod')
  t.notRegex((await operator(['get', 'tasks', '-o', 'name'])).stdout, /of-prod/)
  t.is((await operator(['get', '--raw', `/apis/${apiVersion}/tasks/of-prod/log`])).code, 1)
  const move = await operator(['patch', 'machine', lab, '--type=merge', '-p', '{"spec":{"clusterRef":"prod"}}'])
  t.is(move.code, 1, 'a machine cannot be moved out of what one may see')
  const tokens = { apiVersion, kind: 'JoinToken', metadata: { generateName: 'by-otto-' } }
  t.is((await operator(['create', '-f', '-'], JSON.stringify({ ...tokens, spec: { clusterRef: 'lab' } }))).code, 0)
  t.is((await operator(['create', '-f', '-'], JSON.stringify({ ...tokens, spec: {} }))).code, 1)
  const rise = { apiVersion, kind: 'AccessBinding', metadata: { name: 'rise' } }
  const spec = { role: 'admin', subjects: [{ kind: 'User', name: 'otto' }] }
  t.regex((await operator(['create', '-f', '-'], JSON.stringify({ ...rise, spec }))).stderr, /forbidden/i)
})

test.serial('a token ends with its object, and no token means no answer', async (t) => {
  const guest = await userWith('gast', { role: 'viewer' })
  t.is((await guest(['get', 'machines'])).code, 0)
  const stored = await site.kubectl('get', 'accesstoken', guest.token.metadata.name, '-o', 'json')
  t.false(stored.includes(guest.token.status?.token ?? '-'), 'the secret is shown once')
  await site.kubectl('delete', 'accesstoken', guest.token.metadata.name)
  t.regex((await guest(['get', 'machines'])).stderr, /Unauthorized|logged in|credentials/i)
  t.is((await site.client().ask('GET', `/apis/${apiVersion}/machines`, { token: null })).status, 401)
  const nobody = await userWith('nobody')
  t.regex((await nobody(['get', 'machines'])).stderr, /user nobody may not list Machine/)
})
