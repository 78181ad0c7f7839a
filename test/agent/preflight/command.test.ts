import test from 'ava'
import { preflightCommand } from '#agent/preflight/command.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { fakeHost, fakeProbes } from './fake-host.ts'

async function command(argv: string[], isTty = false): Promise<{ code: number; output: string; errors: string }> {
  let output = ''
  let errors = ''
  const code = await preflightCommand({
    argv,
    host: fakeHost({}),
    probes: fakeProbes(),
    clock: systemClock,
    random: () => 0,
    stdout: { write: (text) => (output += text) },
    stderr: { write: (text) => (errors += text) },
    isTty,
  })
  return { code, output, errors }
}

test('a machine that tells nothing fails, and JSON has the rows and the summary', async (t) => {
  const { code, output } = await command([
    '-o',
    'json',
    '--role=worker',
    '--kubernetes-version',
    'v1.34.1',
    '--cluster-cidr',
    '10.3.0.0/16,fd00::/108',
  ])
  t.is(code, 1)
  const report = JSON.parse(output)
  t.like(report, { role: 'worker', kubernetesVersion: '1.34.1' })
  t.true(report.rows.length > 100)
  t.is(report.rows.filter(({ outcome }: { outcome: string }) => outcome === 'unknown').length, report.summary.unknown)
})

test('with every error ignored the unknown ones still show in the exit code', async (t) => {
  t.is((await command(['--ignore', 'all'])).code, 3)
})

test('wrong flags are told with what to do, exit code 2 and no checks', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--nonsense'], /--nonsense/],
    [['--role', 'king'], /--role: king is none of controlPlane, worker/],
    [['-o', 'xml'], /xml is none of table, json/],
    [['--plugin', 'cilium'], /--plugin/],
    [['--ignore', 'Nmu'], /no check is called Nmu/],
    [['--cluster-cidr', '10.0.0.1/8'], /its network is 10\.0\.0\.0\/8/],
    [['--cluster-cidr', 'ten'], /ten is no CIDR/],
    [['--kubernetes-version', 'latest'], /kubernetesVersion/],
    [['--advertise-address', 'here'], /no IP address/],
    [['surplus'], /surplus|positional/i],
  ]
  for (const [argv, message] of cases) {
    const { code, output, errors } = await command(argv)
    t.is(code, 2, argv.join(' '))
    t.regex(errors, message)
    t.is(output, '')
  }
})

test('help lists the flags and the exit codes', async (t) => {
  const { code, output } = await command(['--help'])
  t.is(code, 0)
  t.regex(output, /--cluster-cidr[\s\S]+Exit code: 0/)
})

test('progress is shown on a terminal only, and never inside JSON', async (t) => {
  t.true((await command([], true)).output.includes('\r\u001b[K'))
  t.false((await command([], false)).output.includes('\r'))
  const { output } = await command(['-o', 'json'], true)
  t.notThrows(() => JSON.parse(output))
})
