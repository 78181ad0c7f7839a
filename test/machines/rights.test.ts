// Who may do what in the cluster is decided there, by the groups that the registration has bound; the hub says which group.
import test from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { startMetricsApi } from './metrics-api.ts'
import { type MachinesSite, startMachinesSite, startPods } from './site.ts'

const owner = createOwner()
let site: MachinesSite

test.before(async () => {
  site = await startMachinesSite(owner)
  await startPods(owner, site, [{ name: 'target', command: ['sleep', 'infinity'] }])
})
test.after.always(() => owner.close())

const questions = [
  { what: ['get', 'pods', '--all-namespaces'], viewer: true, operator: true, admin: true },
  { what: ['list', 'nodes'], viewer: true, operator: true, admin: true },
  { what: ['get', 'pods', '--subresource=log'], viewer: true, operator: true, admin: true },
  { what: ['get', 'secrets'], viewer: false, operator: true, admin: true },
  { what: ['create', 'deployments.apps'], viewer: false, operator: true, admin: true },
  { what: ['create', 'pods', '--subresource=exec'], viewer: false, operator: true, admin: true },
  { what: ['create', 'pods', '--subresource=portforward'], viewer: false, operator: true, admin: true },
  { what: ['create', 'clusterrolebindings'], viewer: false, operator: false, admin: true },
  { what: ['delete', 'nodes'], viewer: false, operator: false, admin: true },
  { what: ['impersonate', 'users'], viewer: false, operator: false, admin: true },
] as const

for (const role of ['viewer', 'operator', 'admin'] as const) {
  test.serial(`auth can-i answers the ${role} what the cluster would do`, async (t) => {
    const user = await site.user(role)
    for (const question of questions) {
      const { stdout, code } = await user.try(['auth', 'can-i', ...question.what])
      t.is(stdout.trim().split('\n').at(-1), question[role] ? 'yes' : 'no', `${role}: ${question.what.join(' ')}`)
      t.is(code, question[role] ? 0 : 1)
    }
  })
}

test.serial('what is not allowed is refused by the cluster, in the name of the user', async (t) => {
  const viewer = await site.user('viewer')
  const refused = await viewer.try(['delete', 'pod', 'target'])
  t.is(refused.code, 1)
  t.regex(refused.stderr, /User "moorline:u-viewer" cannot delete resource "pods"/)
  const shell = await viewer.try(['exec', 'target', '--', 'ls'])
  t.not(shell.code, 0)
  t.regex(shell.stderr, /forbidden/i)
  const operator = await site.user('operator')
  t.is(await operator.run(['exec', 'target', '--', 'hostname']), 'target\n')
  const refusedToOperator = await operator.try(['create', 'clusterrolebinding', 'mine', '--clusterrole=cluster-admin', '--user=me'])
  t.regex(refusedToOperator.stderr, /User "moorline:u-operator" cannot create resource "clusterrolebindings"/)
})

test.serial('a client that names another user or group acts as itself', async (t) => {
  const viewer = await site.user('viewer')
  const refused = await viewer.try(['--as=root', '--as-group=system:masters', 'delete', 'pod', 'target'])
  t.not(refused.code, 0)
  t.notRegex(refused.stdout, /deleted/)
  t.is(await site.direct.run(['get', 'pod', 'target', '-o', 'jsonpath={.status.phase}']), 'Running')
})

test.serial('top reads an aggregated API: of nodes and pods, as viewer', async (t) => {
  await startMetricsApi(owner, site)
  const viewer = await site.user('viewer')
  for (const minor of [28, 31, 35] as const) {
    const nodes = await viewer.run(['top', 'nodes', '--no-headers'], { minor })
    t.regex(nodes, /^c1 +250m +\d+% +512Mi +\d+%/m, `kubectl 1.${minor}`)
    t.regex(await viewer.run(['top', 'pods', '--no-headers'], { minor }), /^target +3m +20Mi/m)
  }
})
