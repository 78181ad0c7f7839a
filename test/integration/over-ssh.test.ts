// The whole line: the hub logs in on a machine over SSH, installs the agent, which enrols as that very Machine and connects; and whatever
// goes wrong on the way leaves the machine as it was. Debian's sshd and sudo: see test/helpers/ssh/machine.ts.
import test from 'ava'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { createOwner } from '#test/faults/owner.ts'
import { type SshMachine, startSshMachine } from '#test/helpers/ssh/machine.ts'
import { differences } from '#test/helpers/ssh/tree.ts'
import { conditionOf } from './site.ts'
import { type SshSite, startSshSite } from './over-ssh-site.ts'

const owner = createOwner()
let site: SshSite

test.before(async () => {
  site = await startSshSite(owner)
})
test.after.always(() => owner.close())

const tokens = async () => (await site.client().ask('GET', '/apis/moorline.dev/v1alpha1/jointokens')).json<{ items: JoinToken[] }>().items

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
  t.deepEqual(await tokens(), [], 'the join token is gone')
  t.is(machine.sh('ls -A /var/tmp /tmp | grep moorline-install || true'), '', 'the folder is gone')
  t.is(machine.sh('stat -c %a /var/lib/moorline-agent').trim(), '700')
  await machine.stop()
})
