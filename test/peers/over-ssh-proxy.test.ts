// A machine in a network of its own, whose SSH server only a proxy with a password reaches, and which reaches nothing but the hub's port.
import test from 'ava'
import { credentials } from '#test/agent/link/proxies.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startIsland } from '#test/helpers/ssh/island.ts'
import { startSshMachine } from '#test/helpers/ssh/machine.ts'
import { isOpen } from '#test/helpers/ssh/reach.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type SshSite, startSshSite } from './over-ssh-site.ts'

const owner = createOwner()
let site: SshSite

test.before(async () => {
  site = await startSshSite(owner)
})
test.after.always(() => owner.close())

test.serial('through a SOCKS5 proxy with a password, to a machine that nothing else reaches, on a port that is not 22', async (t) => {
  const island = await startIsland(t)
  const machine = await startSshMachine(t, { network: island.network, port: 2222 })
  const { username, password } = credentials
  const socks = ['-i', '127.0.0.1', '-p', '1080', '-u', username, '-P', password]
  await startProgram(t, 'ip', ['netns', 'exec', island.network, 'microsocks', ...socks])
  await until('microsocks', () => isOpen(1080, island.network))
  const proxyPort = await island.openIn(1080)
  await island.openOut(site.hub.port)
  const key = await site.credential('SSHKey', { privateKey: machine.key, sudoPassword: machine.password })

  await site.add('direct', machine, { credentialRef: key })
  t.like((await site.ended('direct')).status, { state: 'Failed', reason: 'Unreachable' })

  const url = `socks5://127.0.0.1:${proxyPort}`
  const wrong = await site.credential('Password', { username, password: 'canary-wrong' })
  await site.add('refused', machine, { credentialRef: key, user: 'asks', proxy: { url, credentialRef: wrong } })
  const refused = await site.ended('refused')
  t.like(refused.status, { state: 'Failed', reason: 'ProxyAuthenticationFailed' }, refused.status?.message)

  await site.patch('credentials', wrong, { spec: { data: { password } } })
  await site.patch('tasks', refused.metadata.name, { spec: { attempt: 2 } })
  const { status, metadata } = await site.ended('refused', 2)
  const log = await site.log(metadata.name)
  t.is(status?.state, 'Succeeded', `${status?.message}\n${log}\n${machine.agentLog()}`)
  t.false(log.includes(password))
  await site.connected('refused')
  await machine.stop()
})
