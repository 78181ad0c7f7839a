import test from 'ava'
import { checks } from '#agent/preflight/checks/index.ts'
import { missingOptions } from '#agent/preflight/checks/system-verification.ts'
import { parseKernelConfig } from '#agent/preflight/kernel-config.ts'
import { percentile } from '#agent/preflight/percentile.ts'
import { seconds } from '#agent/preflight/time-sources.ts'
import { fullConfig } from './case-parts.ts'
import { cases } from './cases.ts'
import { rowOf } from './fake-host.ts'

const numbers = new Map<string, number>()
for (const { id, outcome, severity, machine, input, observed, remedy } of cases) {
  const title = `${id} is ${outcome}`
  const number = (numbers.get(title) ?? 0) + 1
  numbers.set(title, number)
  test(`${title}${severity ? ` (${severity})` : ''}, case ${number}`, async (t) => {
    const check = checks.find((candidate) => candidate.id === id)
    if (check === undefined) return t.fail(`no check is called ${id}`)
    const row = await rowOf(check, machine, input)
    t.is(row.outcome, outcome, row.observed)
    if (severity) t.is(row.severity, severity)
    if (observed) t.regex(row.observed, observed)
    if (remedy) t.regex(row.remedy, remedy)
    t.not(row.observed, '')
    const needsRemedy = outcome === 'fail' || outcome === 'unknown'
    t.is(row.remedy !== '', needsRemedy)
  })
}

test('every check is seen to pass and to fail', (t) => {
  // The machine that runs the tests has one architecture.
  const exempt = new Set(['Architecture'])
  for (const { id } of checks) {
    const seen = new Set(cases.filter((entry) => entry.id === id).map(({ outcome }) => outcome))
    t.true(seen.has('pass'), `${id} is never seen to pass`)
    t.true(seen.has('fail') || exempt.has(id), `${id} is never seen to fail`)
  }
})

test('each required kernel option is missed when it is gone, on the cgroup version that needs it', (t) => {
  const config = parseKernelConfig(fullConfig)
  t.deepEqual([missingOptions(config, 1), missingOptions(config, 2)], [[], []])
  for (const name of config.keys()) {
    const without = new Map([...config].filter(([key]) => key !== name))
    const missed = [...missingOptions(without, 1), ...missingOptions(without, 2)]
    t.true(missed.includes(`CONFIG_${name}`), name)
  }
  const onlyV1 = new Map([...config].filter(([key]) => key !== 'CGROUP_BPF'))
  t.deepEqual(missingOptions(onlyV1, 1), [])
})

test('percentiles are by nearest rank', (t) => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.deepEqual(
    [0.5, 0.9, 0.99].map((share) => percentile(values, share)),
    [50, 90, 99],
  )
  t.is(percentile([7], 0.99), 7)
  t.is(percentile([], 0.5), undefined)
})

test('time spans of systemd are read in their units', (t) => {
  t.is(seconds('+1.5s'), 1.5)
  t.is(seconds('-250ms'), -0.25)
  t.is(seconds('2min 3s'), 123)
  t.true(Math.abs((seconds('12us') ?? 0) - 0.000012) < 1e-12)
  t.is(seconds('soon'), undefined)
})
