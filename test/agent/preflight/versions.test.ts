import test from 'ava'
import { satisfies } from 'semver'
import { checks } from '#agent/preflight/checks/index.ts'
import { runPreflight } from '#agent/preflight/run.ts'
import { knownMinors, rangeOf } from '#agent/preflight/versions.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { fakeHost, fakeProbes } from './fake-host.ts'

// What kubeadm asks for, written out for each minor: errors, then warnings.
const until130 = 'conntrack crictl ip iptables mount nsenter / ebtables ethtool socat tc touch'
const expectedPrograms: Record<number, string> = {
  28: until130,
  29: until130,
  30: until130,
  31: 'conntrack ip iptables mount nsenter / crictl ebtables ethtool socat tc touch',
  32: 'ip iptables mount nsenter / ethtool tc touch',
  33: 'cp losetup mount / touch',
  34: 'cp losetup mount / touch',
  35: 'cp losetup mount / touch',
  36: 'cp losetup mount / touch',
}
const expectedCgroupV1: Record<number, 'warning' | 'error' | undefined> = {
  31: 'warning',
  32: 'warning',
  33: 'warning',
  34: 'warning',
  35: 'error',
  36: 'error',
}

test('the table knows 1.28 to 1.36', (t) => {
  t.deepEqual(knownMinors, [28, 29, 30, 31, 32, 33, 34, 35, 36])
})

for (const minor of knownMinors)
  test(`1.${minor} asks for what its kubeadm asks for`, (t) => {
    const severityOf = (id: string) => checks.find((check) => check.id === id)?.severityByMinor?.(minor)
    const programs = checks
      .filter(({ id }) => id.startsWith('FileExisting-'))
      .map(({ id }) => ({ name: id.slice(13), severity: severityOf(id) }))
    const named = (severity: string) =>
      programs
        .filter((program) => program.severity === severity)
        .map(({ name }) => name)
        .sort()
        .join(' ')
    t.is(`${named('error')} / ${named('warning')}`, expectedPrograms[minor] ?? 'nothing is written down')
    const bridge = minor <= 29 ? 'error' : undefined
    t.is(severityOf('FileContent--proc-sys-net-bridge-bridge-nf-call-iptables'), bridge)
    t.is(severityOf('FileContent--proc-sys-net-bridge-bridge-nf-call-ip6tables'), bridge)
    t.is(severityOf('SystemVerification/cgroup-v1'), expectedCgroupV1[minor])
  })

for (const minor of knownMinors)
  test(`the rows of 1.${minor} say by their range whether they apply`, async (t) => {
    const { rows } = await runPreflight({
      host: fakeHost({}),
      probes: fakeProbes(),
      input: { kubernetesVersion: `1.${minor}.2` },
      clock: systemClock,
      random: () => 0,
    })
    t.is(rows.length, checks.length)
    for (const row of rows) {
      const isForMinor = row.appliesTo.kubernetes === '*' || satisfies(`1.${minor}.2`, row.appliesTo.kubernetes)
      const isSkippedForVersion = row.outcome === 'skipped' && row.observed === `not for Kubernetes 1.${minor}`
      t.is(isForMinor, !isSkippedForVersion, `${row.id} ${row.appliesTo.kubernetes}`)
    }
  })

test('ranges are open where the table ends', (t) => {
  t.is(
    rangeOf(() => true),
    '*',
  )
  t.is(
    rangeOf((minor) => minor <= 29),
    '<1.30.0-0',
  )
  t.is(
    rangeOf((minor) => minor >= 33),
    '>=1.33.0-0',
  )
  t.is(
    rangeOf((minor) => minor === 31),
    '>=1.31.0-0 <1.32.0-0',
  )
  t.is(
    rangeOf((minor) => minor < 30 || minor > 34),
    '<1.30.0-0 || >=1.35.0-0',
  )
})

test('a minor that the table does not know is checked by the nearest and a warning says so', async (t) => {
  const { rows } = await runPreflight({
    host: fakeHost({}),
    probes: fakeProbes(),
    input: { kubernetesVersion: '1.20.2' },
    clock: systemClock,
    random: () => 0,
  })
  t.like(
    rows.find(({ id }) => id === 'KubernetesVersion'),
    { outcome: 'fail', severity: 'warning' },
  )
  t.not(rows.find(({ id }) => id === 'FileExisting-crictl')?.outcome, 'skipped')
})
