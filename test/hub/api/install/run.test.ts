// The script itself, under dash, on a machine made of a directory, against a hub with one real port.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { installCommand } from '#hub/api/install/command.ts'
import { installScript } from '#hub/api/install/script.ts'
import { joinToken } from '#test/agent/link/fleet.ts'
import { startMicrosocks, startTinyproxy } from '#test/agent/link/proxies.ts'
import { agentWrapper, createMachine, type InstallHub, type Machine, startInstallHub } from './hub.ts'

const scriptOf = async ({ facts, artifacts }: InstallHub) => installScript(facts, await artifacts.agents())
const isUntouched = (machine: Machine) => readdirSync(machine.root).join() === 'tmp'

test.serial(
  'the one-line command installs, joins, starts the service and shows the fingerprint; a second run changes nothing',
  async (t) => {
    const hub = await startInstallHub(t, agentWrapper)
    const machine = await createMachine(t)
    const first = await machine.sh(installCommand(hub.facts, joinToken))
    t.is(first.code, 0, first.stderr)
    const [member] = [...hub.fleet.members.values()]
    t.regex(first.stdout, new RegExp(`fingerprint {2}${member?.fingerprint}`))
    const binary = join(machine.root, 'usr/local/bin/moorline-agent')
    t.is(readFileSync(binary, 'utf8'), agentWrapper)
    t.is(statSync(binary).mode & 0o777, 0o755)
    t.is(statSync(join(machine.root, 'etc/moorline/agent.env')).mode & 0o777, 0o600)
    t.is(statSync(join(machine.root, 'var/lib/moorline-agent')).mode & 0o777, 0o700)
    t.regex(readFileSync(join(machine.root, 'etc/systemd/system/moorline-agent.service'), 'utf8'), /^\[Unit\]\n/)
    t.deepEqual(readdirSync(join(machine.root, 'tmp')), [], 'token, CA and script are gone from the temporary directory')
    const calls = await machine.calls()
    t.regex(calls, /systemctl daemon-reload\nsystemctl enable moorline-agent\.service\nsystemctl restart moorline-agent\.service\n$/)
    t.notRegex(calls, new RegExp(joinToken), 'the token is in no argument')

    await machine.clearCalls()
    const second = await machine.sh(await scriptOf(hub))
    t.is(second.code, 0, second.stderr)
    t.regex(second.stdout, /up to date[\s\S]*has an identity already/)
    t.notRegex(await machine.calls(), /curl|restart/)
    t.is(hub.fleet.asked(), 1)
  },
)

test.serial('a request that waits for an operator is installed, and its fingerprint shown', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  hub.fleet.setApproval('pending')
  const machine = await createMachine(t)
  const ran = await machine.sh(await scriptOf(hub), { env: { MOORLINE_JOIN_TOKEN: joinToken } })
  t.is(ran.code, 0, ran.stderr)
  t.regex(ran.stdout, /fingerprint {2}([0-9a-f]{4} ){15}[0-9a-f]{4}\n/)
  t.regex(await machine.calls(), /systemctl restart/)
  const pending = join(machine.root, 'var/lib/moorline-agent/pending-join-token')
  t.is(statSync(pending).mode & 0o777, 0o600)
  hub.fleet.setApproval('approved')
  const again = await machine.sh(await scriptOf(hub), { env: { MOORLINE_JOIN_TOKEN: joinToken } })
  t.is(again.code, 0, again.stderr)
  t.false(existsSync(pending))
  t.is(hub.fleet.asked(), 1, 'the second run asked with the same key')
})

for (const [name, scheme, start] of [
  ['SOCKS5', 'socks5', startMicrosocks],
  ['HTTP CONNECT', 'http', startTinyproxy],
] as const) {
  test.serial(`behind a ${name} proxy with credentials everything goes through it and the password stays private`, async (t) => {
    const hub = await startInstallHub(t, agentWrapper)
    const machine = await createMachine(t)
    const proxy = await start(t)
    const secret = encodeURIComponent(proxy.password)
    const url = `${scheme}://${proxy.username}:${secret}@${proxy.host}:${proxy.port}`
    const ran = await machine.sh(installCommand(hub.facts, joinToken), { env: { MOORLINE_PROXY: url } })
    t.is(ran.code, 0, ran.stderr)
    t.regex(ran.stdout, /enrolled as machine/)
    const addresses = hub.fleet.recorded.security.map(({ address }) => address)
    t.deepEqual(addresses, [])
    t.is(readFileSync(join(machine.root, 'etc/moorline/agent.env'), 'utf8'), `MOORLINE_PROXY='${url}'\n`)
    t.false((await machine.calls()).includes(secret), 'the password is in no argument')
    t.false((ran.stdout + ran.stderr).includes(secret), 'the password is not printed')
    t.regex(ran.stdout, new RegExp(`proxy ${scheme}://${proxy.username}:\\*\\*\\*@`))

    const wrong = await createMachine(t)
    const refused = await wrong.sh(installCommand(hub.facts, joinToken), { env: { MOORLINE_PROXY: url.replace(secret, 'wrong') } })
    t.not(refused.code, 0)
    t.true(isUntouched(wrong))
  })
}

test.serial('a server without a pinned key gets no request, though the same CA signed it', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  const other = Buffer.alloc(32, 9).toString('base64')
  const facts = { ...hub.facts, web: { ...hub.facts.web, pins: [other] } }
  const machine = await createMachine(t)
  const ran = await machine.sh(installCommand(facts, joinToken))
  t.not(ran.code, 0)
  t.regex(ran.stderr, /pinned|public key/i)
  t.true(isUntouched(machine))
  const script = await machine.sh(installScript(facts, await hub.artifacts.agents()), { env: { MOORLINE_JOIN_TOKEN: joinToken } })
  t.not(script.code, 0)
  t.true(isUntouched(machine))
  t.is(hub.fleet.asked(), 0)
})

test.serial('a binary with another digest is not installed', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  const script = await scriptOf(hub)
  await appendFile(join(hub.artifactsDir, 'moorline-agent-linux-x64'), 'x')
  const machine = await createMachine(t)
  const ran = await machine.sh(script, { env: { MOORLINE_JOIN_TOKEN: joinToken } })
  t.not(ran.code, 0)
  t.regex(ran.stderr, /another digest/)
  t.true(isUntouched(machine))
})

test.serial('a machine that may not join is left without a running service', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  const machine = await createMachine(t)
  const ran = await machine.sh(await scriptOf(hub), { env: { MOORLINE_JOIN_TOKEN: 'unknown-token-0123456789' } })
  t.not(ran.code, 0)
  t.regex(ran.stderr, /does not accept the join token|EnrollmentRefused/)
  t.notRegex(await machine.calls(), /systemctl (re)?start|systemctl enable/)
})

for (const [what, options] of [
  ['a token on standard input', { stdin: '$(touch "$DESTDIR/owned")`id`\n' }],
  ['a token', { env: { MOORLINE_JOIN_TOKEN: "x'; touch $DESTDIR/owned; '" } }],
  ['a proxy', { env: { MOORLINE_JOIN_TOKEN: joinToken, MOORLINE_PROXY: 'http://x$(touch $DESTDIR/owned):1' } }],
  ['a proxy with a new line', { env: { MOORLINE_JOIN_TOKEN: joinToken, MOORLINE_PROXY: 'http://x:1\nLD_PRELOAD=/tmp/x' } }],
  ['a proxy with a quote', { env: { MOORLINE_JOIN_TOKEN: joinToken, MOORLINE_PROXY: `http://x:1" output = "/etc/passwd` } }],
  ['NO_PROXY', { env: { MOORLINE_JOIN_TOKEN: joinToken, MOORLINE_PROXY: 'http://x:1', MOORLINE_NO_PROXY: "'\nX=1" } }],
  ['a pin', { args: ['--pin', '$(id)'], env: { MOORLINE_JOIN_TOKEN: joinToken } }],
  ['a pin that is a flag', { args: ['--pin', '--state-dir=/'], env: { MOORLINE_JOIN_TOKEN: joinToken } }],
  ['an unknown flag', { args: ['--token', joinToken], env: {} }],
] as const) {
  test.serial(`F-40: ${what} that is not what it should be stops the script before it does anything`, async (t) => {
    const hub = await startInstallHub(t, agentWrapper)
    const machine = await createMachine(t)
    const ran = await machine.sh(await scriptOf(hub), options)
    t.not(ran.code, 0)
    t.regex(ran.stderr, /moorline: /)
    t.false(existsSync(join(machine.root, 'owned')))
    t.false(existsSync(join(machine.root, 'usr')))
    t.notRegex(await machine.calls(), /curl|systemctl/)
  })
}

test.serial('a script cut off on the way does nothing', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  const script = await scriptOf(hub)
  const machine = await createMachine(t)
  const cuts = [0.1, 0.3, 0.5, 0.7, 0.9, 0.97].map((part) => Math.floor(script.length * part))
  for (const cut of [...cuts, script.lastIndexOf('install_agent')]) {
    await machine.sh(script.slice(0, cut), { env: { MOORLINE_JOIN_TOKEN: joinToken } })
    t.true(isUntouched(machine), `cut at ${cut} of ${script.length}`)
  }
  t.is(await machine.calls(), '')
})

test.serial('--uninstall undoes, removes everything it installed and keeps the machine’s policy', async (t) => {
  const hub = await startInstallHub(t, agentWrapper)
  const machine = await createMachine(t)
  t.is((await machine.sh(await scriptOf(hub), { env: { MOORLINE_JOIN_TOKEN: joinToken } })).code, 0)
  const policy = join(machine.root, 'etc/moorline/agent-policy.json')
  await writeFile(policy, '{}')
  for (const round of [1, 2]) {
    const ran = await machine.sh(await scriptOf(hub), { args: ['--uninstall'] })
    t.is(ran.code, 0, `round ${round}: ${ran.stderr}`)
  }
  t.false(existsSync(join(machine.root, 'usr/local/bin/moorline-agent')))
  t.false(existsSync(join(machine.root, 'var/lib/moorline-agent')))
  t.false(existsSync(join(machine.root, 'etc/systemd/system/moorline-agent.service')))
  t.true(existsSync(policy))
  t.regex(await machine.calls(), /systemctl disable --now moorline-agent\.service/)
})
