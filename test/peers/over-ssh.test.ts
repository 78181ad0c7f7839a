// The whole line: the hub logs in on a machine over SSH, installs the agent, which enrols as that very Machine and connects; and whatever
// goes wrong on the way leaves the machine as it was. Debian's sshd and sudo: see test/helpers/ssh/machine.ts.
import test from 'ava'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { AuditRow } from '#hub/store/types.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startSshMachine } from '#test/helpers/ssh/machine.ts'
import { differences } from '#test/helpers/ssh/tree.ts'
import { conditionOf } from '#test/integration/site.ts'
import { type SshSite, startSshSite } from './over-ssh-site.ts'
import { filesHolding, watchArguments } from './secret-traces.ts'

const owner = createOwner()
let site: SshSite

test.before(async () => {
  site = await startSshSite(owner)
})
test.after.always(() => owner.close())

const tokens = async () => (await site.client().ask('GET', '/apis/moorline.dev/v1alpha1/jointokens')).json<{ items: JoinToken[] }>().items

const installations = async (machine: string) =>
  (await site.client().ask('GET', '/apis/moorline.dev/v1alpha1/auditevents')).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditRow)
    .filter(({ verb, resource, name }) => verb === 'install-agent' && resource === 'Machine' && name === machine)

test.serial('root with a key: installed, enrolled as this Machine, approved, connected; the log tells how', async (t) => {
  const machine = await startSshMachine(t)
  const credentialRef = await site.credential('SSHKey', { privateKey: machine.encryptedKey, passphrase: machine.passphrase })
  await site.add('by-key', machine, { credentialRef })
  const uid = (await site.get<Machine>('machines', 'by-key')).metadata.uid
  const task = await site.ended('by-key')
  const log = await site.log(task.metadata.name)
  t.is(task.status?.state, 'Succeeded', `${task.status?.message}\n${log}\n${machine.agentLog()}`)
  const { metadata, spec, status } = await site.connected('by-key')
  t.is(metadata.uid, uid)
  t.true(spec.approved)
  t.like(status?.ssh, { hostKey: machine.hostKey(), server: `127.0.0.1:${machine.port}`, task: task.metadata.name })
  t.like(conditionOf({ status }, 'AgentInstalled'), { status: 'True', reason: 'Installed' })
  t.regex(
    log,
    /host key SHA256:[\s\S]*remembered from now on[\s\S]*logged in as root[\s\S]*moorline: installed[\s\S]*enrolled as machine by-key/,
  )
  t.is(task.status?.progress?.percent, 100)
  const server = `root@127.0.0.1:${machine.port} with Credential ${credentialRef}`
  const rows = await installations('by-key')
  t.deepEqual(
    rows.map(({ user, result, decision }) => [user, result, decision]),
    [
      ['admin', 'Started', 'allow'],
      ['admin', 'Succeeded', 'allow'],
    ],
  )
  t.is(rows[0]?.detail, `task ${task.metadata.name}, attempt 1; ${server}`)
  t.true(rows[1]?.detail?.includes(`${server}, host key ${machine.hostKey()}; Succeeded after`))
  t.deepEqual(await tokens(), [], 'the join token is gone')
  t.is(machine.sh('ls -A /var/tmp /tmp | grep moorline-install || true'), '', 'the folder is gone')
  t.is(machine.sh('stat -c %a /var/lib/moorline-agent').trim(), '700')
  await machine.stop()
})

test.serial('a user with sudo and a password: no secret in any argument, file, log or answer', async (t) => {
  const machine = await startSshMachine(t)
  const password = machine.password
  const credentialRef = await site.credential('Password', { password })
  const watch = watchArguments(password)
  await site.add('by-sudo', machine, { credentialRef, user: 'asks' })
  const task = await site.ended('by-sudo')
  t.is(task.status?.state, 'Succeeded', task.status?.message)
  await site.connected('by-sudo')
  t.deepEqual(await watch.stop(), [], 'arguments of processes')
  t.deepEqual(await filesHolding(site.directory, password), [], 'files of the hub')
  const { stdout, stderr } = site.hub.program()
  t.false((stdout() + stderr()).includes(password), 'log of the hub')
  t.false((await site.log(task.metadata.name)).includes(password), 'log of the task')
  for (const plural of ['machines', 'tasks', 'credentials', 'auditevents'])
    t.false((await site.client().ask('GET', `/apis/moorline.dev/v1alpha1/${plural}`)).text.includes(password), plural)
  await machine.stop()
})

test.serial('a wrong password is said, nothing is left, and with the right one the next attempt succeeds', async (t) => {
  const machine = await startSshMachine(t)
  const before = machine.tree()
  const credentialRef = await site.credential('Password', { password: 'canary-wrong' })
  await site.add('wrong', machine, { credentialRef, user: 'ops' })
  const failed = await site.ended('wrong')
  t.like(failed.status, { state: 'Failed', reason: 'LoginRefused' })
  t.like(conditionOf(await site.get<Machine>('machines', 'wrong'), 'AgentInstalled'), { status: 'False', reason: 'LoginRefused' })
  t.deepEqual(differences(before, machine.tree()), [])
  await site.patch('credentials', credentialRef, { spec: { data: { password: machine.password } } })
  await site.patch('tasks', failed.metadata.name, { spec: { attempt: 2 } })
  t.like((await site.ended('wrong', 2)).status, { state: 'Succeeded' })
  t.deepEqual(
    (await installations('wrong')).map(({ result }) => result),
    ['Started', 'LoginRefused', 'Started', 'Succeeded'],
  )
  await machine.stop()
})

test.serial('another host key is refused before anything is sent, and taken once an operator has accepted it', async (t) => {
  const machine = await startSshMachine(t)
  const credentialRef = await site.credential('Password', { password: machine.password })
  await site.add('rekeyed', machine, { credentialRef, user: 'plain' })
  const first = await site.ended('rekeyed')
  t.like(first.status, { state: 'Failed', reason: 'SudoRefused' })
  const pinned = (await site.get<Machine>('machines', 'rekeyed')).status?.ssh?.hostKey
  await machine.changeHostKey()
  await site.patch('machines', 'rekeyed', { spec: { ssh: { user: 'ops' } } })
  await site.patch('tasks', first.metadata.name, { spec: { attempt: 2 } })
  const { status } = await site.ended('rekeyed', 2)
  t.like(status, { state: 'Failed', reason: 'HostKeyChanged' })
  t.regex(status?.message ?? '', /nothing secret was sent.*ssh-keygen -lf.*kubectl annotate/)
  const refused = await site.get<Machine>('machines', 'rekeyed')
  t.is(refused.status?.ssh?.hostKey, pinned)
  t.like(conditionOf(refused, 'AgentInstalled'), { status: 'False', reason: 'HostKeyChanged' })
  await site.patch('machines', 'rekeyed', { metadata: { annotations: { 'moorline.dev/accept-ssh-host-key': machine.hostKey() } } })
  await site.patch('tasks', first.metadata.name, { spec: { attempt: 3 } })
  t.like((await site.ended('rekeyed', 3)).status, { state: 'Succeeded' })
  t.is((await site.connected('rekeyed')).status?.ssh?.hostKey, machine.hostKey())
  await machine.stop()
})

test.serial('an agent that is there already is not touched', async (t) => {
  const machine = await startSshMachine(t, { prepare: 'mkdir -p /var/lib/moorline-agent && echo mine >/var/lib/moorline-agent/journal' })
  const before = machine.tree()
  const credentialRef = await site.credential('SSHKey', { privateKey: machine.key })
  await site.add('present', machine, { credentialRef })
  const task = await site.ended('present')
  t.like(task.status, { state: 'Failed', reason: 'AgentPresent' })
  t.deepEqual(differences(before, machine.tree()), [])
  const again = { apiVersion, kind: 'Task', metadata: { name: 'by-hand' }, spec: { machine: 'present', action: 'install-agent' } }
  const made = await site.client().ask('POST', `/apis/${apiVersion}/tasks`, { body: again })
  t.is(made.status, 201, 'a second one may follow the first')
  await site.client().ask('DELETE', `/apis/${apiVersion}/machines/present`)
})
