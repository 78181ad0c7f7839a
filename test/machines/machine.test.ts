// A machine of the site joins by itself: the shown command, Debian's systemd, the built executable, the firewall in between. Then a
// shell on it, and what becomes of both when the cable is cut.
import test from 'ava'
import { ensureAgent } from '#scripts/build/agent.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { conditionOf, type Site, startSite } from '#test/integration/site.ts'
import { testBed } from './bed/for-tests.ts'
import { runOn, tryOn } from './bed/machine.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'

const bed = testBed()
const owner = createOwner()
const machineName = 'w1'
const healLimitMs = 60_000
let site: Site

test.before(async (t) => {
  t.timeout(300_000)
  await ensureAgent({ print: (line) => t.log(line), zstdLevel: 1 })
  owner.teardown(() => setFirewall(bed, firewalled))
  site = await startSite(owner, {
    listen: { host: hubAddress, port: hubPort },
    hubArgs: ['--artifacts-dir', inRepository('dist')],
  })
  owner.teardown(async () => {
    await tryOn(bed, machineName, ['systemctl', 'disable', '--now', 'moorline-agent'])
    const files = [
      '/etc/moorline',
      '/etc/systemd/system/moorline-agent.service',
      '/usr/local/bin/moorline-agent',
      '/var/lib/moorline-agent',
    ]
    await tryOn(bed, machineName, ['rm', '-rf', ...files])
    await tryOn(bed, machineName, ['systemctl', 'daemon-reload'])
  })
})
test.after.always(() => owner.close())

const machine = () => site.machine(machineName)
const untilConnected = (status: 'True' | 'False') =>
  until(`Connected to be ${status}`, async () => conditionOf(await machine(), 'Connected')?.status === status, {
    timeoutMs: healLimitMs,
    intervalMs: 250,
  })
test.serial(
  'the shown command installs the agent as a service, which waits with its fingerprint and connects once it is approved',
  async (t) => {
    t.timeout(180_000)
    const policy = JSON.stringify({ terminal: { user: 'root' } })
    await runOn(bed, machineName, ['sh', '-c', `mkdir -p /etc/moorline && printf %s '${policy}' >/etc/moorline/agent-policy.json`])
    const { status } = await site.joinToken({ uses: 1, ttlSeconds: 600 })
    const printed = await runOn(bed, machineName, ['sh', '-c', status?.installCommand ?? ''])
    const pending = await machine()
    t.true(printed.includes(pending.status?.enrollment?.fingerprint ?? 'no fingerprint'), printed)
    t.not(conditionOf(pending, 'Connected')?.status, 'True')
    await site.kubectl('patch', 'machine', machineName, '--type=merge', '-p', '{"spec":{"approved":true}}')
    await untilConnected('True')
    t.regex(await runOn(bed, machineName, ['systemctl', 'show', '-p', 'ExecStart', 'moorline-agent']), /\/usr\/local\/bin\/moorline-agent/)
  },
)

test.serial('a program runs on it, and a shell in a terminal, through the one port', async (t) => {
  const client = await site.exec(machineName, { command: ['sh', '-c', 'hostname; exit 4'] })
  const { status } = await client.ended
  t.is(client.output(), `${machineName}\n`)
  t.like(status, { reason: 'NonZeroExitCode' })
  const shell = await site.exec(machineName, { tty: true })
  shell.send('echo I am $(hostname), $((6*7))\n')
  await shell.has(`I am ${machineName}, 42`)
  shell.send('exit\n')
  t.is((await shell.ended).status?.status, 'Success')
})

test.serial(
  'a terminal whose cable is cut ends as broken, its shell is ended on the machine, and the next one opens when it is back',
  async (t) => {
    t.timeout(180_000)
    const shell = await site.exec(machineName, { tty: true })
    shell.send('exec sleep 4242\n')
    const runs = async () => (await tryOn(bed, machineName, ['pgrep', '-f', '^sleep 4242'])).code === 0
    await until('the program to run', runs)
    await setFirewall(bed, { ...firewalled, exit: 'cut' })
    const { status } = await shell.ended
    t.not(status?.status, 'Success')
    await untilConnected('False')
    await until('the program to be gone', async () => !(await runs()), { timeoutMs: healLimitMs })
    await setFirewall(bed, firewalled)
    await untilConnected('True')
    const next = await site.exec(machineName, { command: ['hostname'] })
    await next.ended
    t.is(next.output(), `${machineName}\n`)
  },
)
