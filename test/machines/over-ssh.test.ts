// The hub installs the agent over SSH on a machine of the site: Debian's own sshd on another port, sudo with a password, real systemd, the
// built executable. What the installation does in every case of trouble is tested in test/peers/over-ssh*.test.ts.
import { randomBytes } from 'node:crypto'
import test from 'ava'
import { ensureAgent } from '#scripts/build/agent.ts'
import { createOwner } from '#test/faults/owner.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { conditionOf } from '#test/integration/site.ts'
import { type SshSite, startSshSite } from '#test/peers/over-ssh-site.ts'
import { testBed } from './bed/for-tests.ts'
import { addressOf } from './bed/machine-files.ts'
import { runOn, tryOn } from './bed/machine.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'

const bed = testBed()
const owner = createOwner()
const name = 'w1'
const server = { host: addressOf({ name, index: 2 }), port: 2222 }
const password = `canary-${randomBytes(12).toString('hex')}`
const dropIn = '/etc/systemd/system/moorline-agent.service.d'
let site: SshSite

const sh = (script: string, stdin?: string) => runOn(bed, name, ['sh', '-euc', script], { stdin })

test.before(async (t) => {
  t.timeout(300_000)
  await ensureAgent({ print: (line) => t.log(line), zstdLevel: 1 })
  owner.teardown(() => setFirewall(bed, firewalled))
  await setFirewall(bed, { ...firewalled, open: [server.port] })
  site = await startSshSite(owner, { listen: { host: hubAddress, port: hubPort }, artifacts: inRepository('dist') })
  owner.teardown(async () => {
    const places = ['/etc/systemd/system/moorline-agent.service', dropIn, '/usr/local/bin/moorline-agent', '/var/lib/moorline-agent']
    await tryOn(bed, name, ['systemctl', 'disable', '--now', 'moorline-agent'])
    await sh(`rm -rf ${places.join(' ')} /etc/moorline /etc/sudoers.d/ops /etc/ssh/sshd_config.d/port.conf; userdel -rf ops`)
    await sh('systemctl daemon-reload; systemctl restart ssh')
  })
  await sh('useradd --create-home --shell /bin/bash ops; chpasswd', `ops:${password}`)
  await sh("echo 'ops ALL=(ALL) ALL' >/etc/sudoers.d/ops")
  await sh(`echo 'Port ${server.port}' >/etc/ssh/sshd_config.d/port.conf; systemctl restart ssh`)
})
test.after.always(() => owner.close())

/** Kind, mode, size and time of what is on its disk; folders only as far as they are there. What the cluster and a login write is left out. */
async function disk(): Promise<string[]> {
  const others = ['cni', 'containerd', 'etcd', 'kubelet', 'sudo', 'systemd'].map((one) => `-path /var/lib/${one} -prune -o`).join(' ')
  const shown = "-type d -printf '%p %m\\n' -o -printf '%p %m %s %T@ %l\\n'"
  return (await sh(`find /etc /usr /opt /root /home /srv /tmp /var/lib /var/tmp -xdev ${others} ${shown}`)).trim().split('\n').sort()
}

test.serial('a service that does not start: the hub says so, and the machine is as it was', async (t) => {
  t.timeout(180_000)
  await sh(`mkdir ${dropIn}; printf '[Service]\\nExecStartPre=/bin/false\\n' >${dropIn}/broken.conf`)
  const before = await disk()
  await site.add(name, server, { credentialRef: await site.credential('Password', { password }), user: 'ops' })
  const { metadata, status } = await site.ended(name)
  const log = await site.log(metadata.name)
  t.like(status, { state: 'Failed', reason: 'InstallFailed' }, log)
  t.regex(status?.message ?? '', /moorline-agent/)
  t.regex(log, /nothing was left behind/)
  t.deepEqual(await disk(), before)
  t.is((await tryOn(bed, name, ['systemctl', 'is-active', 'moorline-agent'])).stdout, 'inactive\n')
})

test.serial('the next attempt installs it with sudo on the port that is not 22; it runs under systemd and answers', async (t) => {
  t.timeout(180_000)
  await sh(`rm -r ${dropIn}`)
  const task = await site.installing(name)
  await site.patch('tasks', task.metadata.name, { spec: { attempt: 2 } })
  const { status } = await site.ended(name, 2)
  const log = await site.log(task.metadata.name)
  t.is(status?.state, 'Succeeded', `${status?.message}\n${log}`)
  t.regex(log, /logged in as ops/)
  const machine = await site.connected(name)
  t.like(conditionOf(machine, 'AgentInstalled'), { status: 'True', reason: 'Installed' })
  const hostKey = (await sh('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1]
  t.like(machine.status?.ssh, { hostKey, server: `${server.host}:${server.port}` })
  t.is(await sh('systemctl is-active moorline-agent; systemctl is-enabled moorline-agent'), 'active\nenabled\n')
  t.regex(await sh('systemctl show -p ExecStart moorline-agent'), /\/usr\/local\/bin\/moorline-agent/)
  t.is(await sh('ls -A /tmp /var/tmp | grep moorline || true'), '', 'its folder is gone')
  const everywhere = await sh(`journalctl --no-pager; cat /etc/moorline/* /var/lib/moorline-agent/* 2>/dev/null || true`)
  t.false((everywhere + log).includes(password))
})
