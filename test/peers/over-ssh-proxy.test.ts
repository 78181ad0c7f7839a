// A machine in a network of its own, whose SSH server only a proxy with a password reaches, and which reaches nothing but the hub's port.
import test from 'ava'
import { credentials, startMicrosocks } from '#test/agent/link/proxies.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startIsland } from '#test/helpers/ssh/island.ts'
import { startSshMachine } from '#test/helpers/ssh/machine.ts'
import { isOpen } from '#test/helpers/ssh/reach.ts'
import { freePort } from '#test/helpers/ports.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { type SshSite, startSshSite } from './over-ssh-site.ts'
import { filesHolding, watchArguments } from './secret-traces.ts'

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

test.serial('the agent dials out through a proxy of its own, whose password is nowhere but in its configuration', async (t) => {
  const island = await startIsland(t)
  const machine = await startSshMachine(t, { network: island.network, port: 2223 })
  const hostPort = await island.openIn(2223)
  // What a shell, a URL and an environment file each give a meaning to.
  const username = 'moor:line'
  const password = `canary-agent +/@:%"'$(id)!*ü`
  const port = await freePort()
  await startProgram(t, 'microsocks', ['-i', '127.0.0.1', '-p', String(port), '-u', username, '-P', password])
  await until('microsocks', () => isOpen(port))
  await island.openOut(port)
  const key = await site.credential('SSHKey', { privateKey: machine.key, sudoPassword: machine.password })
  const url = `socks5://127.0.0.1:${port}`
  const nameless = await site.credential('Password', { password })
  const watch = watchArguments('canary-agent')
  const ssh = { credentialRef: key, user: 'asks', agentProxy: { url, credentialRef: nameless } }
  await site.add('behind', { ...machine, port: hostPort }, ssh)
  const refused = await site.ended('behind')
  t.like(refused.status, { state: 'Failed', reason: 'CredentialUnusable' }, refused.status?.message)
  t.regex(refused.status?.message ?? '', /the proxy of the agent: .*has no username/)

  await site.patch('credentials', nameless, { spec: { data: { username } } })
  await site.patch('tasks', refused.metadata.name, { spec: { attempt: 2 } })
  const { status, metadata } = await site.ended('behind', 2)
  const log = await site.log(metadata.name)
  t.is(status?.state, 'Succeeded', `${status?.message}\n${log}\n${machine.agentLog()}`)
  await site.connected('behind')
  const config = '/etc/moorline/agent.env'
  t.is(machine.sh(`stat -c %a:%U ${config}`).trim(), '600:root')
  t.is(machine.sh(`sed -n "s/^MOORLINE_PROXY='\\(.*\\)'$/\\1/p" ${config}`).trim().split('@').at(-1), `127.0.0.1:${port}`)
  const seen = (await watch.stop()).filter((line) => !line.startsWith('microsocks'))
  t.deepEqual(seen, [], 'arguments of processes')
  t.deepEqual(await filesHolding(machine.path('/'), 'canary-agent'), [machine.path(config)], 'files of the machine')
  t.deepEqual(await filesHolding(site.directory, 'canary-agent'), [], 'files of the hub')
  t.false(log.includes('canary-agent'))
  const { stdout, stderr } = site.hub.program()
  t.false((stdout() + stderr()).includes('canary-agent'), 'log of the hub')
  await machine.stop()
})

test.serial('without a way out an installation fails and says so; with the proxy the next attempt succeeds', async (t) => {
  const island = await startIsland(t)
  const machine = await startSshMachine(t, { network: island.network, port: 2224 })
  const hostPort = await island.openIn(2224)
  const { port } = await startMicrosocks(t)
  await island.openOut(port)
  const proxy = await site.credential('Password', credentials)
  const key = await site.credential('SSHKey', { privateKey: machine.key })
  await site.add('no-way', { ...machine, port: hostPort }, { credentialRef: key })
  const failed = await site.ended('no-way')
  t.like(failed.status, { state: 'Failed', reason: 'InstallFailed' }, failed.status?.message)
  await site.patch('machines', 'no-way', { spec: { ssh: { agentProxy: { url: `socks5://127.0.0.1:${port}`, credentialRef: proxy } } } })
  await site.patch('tasks', failed.metadata.name, { spec: { attempt: 2 } })
  const { status } = await site.ended('no-way', 2)
  t.is(status?.state, 'Succeeded', `${status?.message}\n${machine.agentLog()}`)
  await machine.stop()
})
