import test from 'ava'
import Value from 'typebox/value'
import { createHost } from '#agent/host/create.ts'
import { checks } from '#agent/preflight/checks/index.ts'
import { exitCode, formatJson, formatTable } from '#agent/preflight/format.ts'
import { runPreflight } from '#agent/preflight/run.ts'
import { type Check, fail, groups, pass, unknown } from '#agent/preflight/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { PreflightRow } from '#shared/contract/preflight.ts'
import { fakeHost, fakeProbes } from './fake-host.ts'

const check = (id: string, run: Check['run'], rest: Partial<Check> = {}): Check => ({
  id,
  group: 'host',
  severity: 'error',
  expected: 'well',
  source: 'test',
  run,
  ...rest,
})
const base = { host: fakeHost({}), probes: fakeProbes(), clock: systemClock, random: () => 0, input: {} }

test('every check has its own id, a group and a source', (t) => {
  t.is(new Set(checks.map(({ id }) => id)).size, checks.length)
  for (const { id, group, source, expected } of checks) {
    t.true(groups.includes(group), id)
    t.true(source.length > 0 && expected.length > 0, id)
  }
})

test('rows stream as checks finish and the result is in the order of the list', async (t) => {
  const streamed: string[] = []
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { rows } = await runPreflight({
    ...base,
    checks: [
      check('slow', async () => {
        await held
        return pass('late')
      }),
      check('quick', async () => {
        queueMicrotask(release)
        return pass('at once')
      }),
    ],
    onRow: ({ id }) => streamed.push(id),
  })
  t.deepEqual(streamed, ['quick', 'slow'])
  t.deepEqual(
    rows.map(({ id }) => id),
    ['slow', 'quick'],
  )
})

test('a check that throws is unknown with its error, and one that may not read says to be root', async (t) => {
  const { rows, summary } = await runPreflight({
    ...base,
    checks: [
      check('broken', async () => {
        throw new Error('disk on fire')
      }),
      check('denied', async () => {
        throw Object.assign(new Error('EACCES: /x'), { code: 'EACCES' })
      }),
    ],
  })
  t.like(rows[0], { outcome: 'unknown', observed: 'the check failed: disk on fire' })
  t.like(rows[1], { outcome: 'unknown', remedy: 'Run the preflight as root.' })
  t.is(exitCode(summary), 3)
})

test('a check over its time is unknown and its signal is aborted', async (t) => {
  let isAborted = false
  const { rows } = await runPreflight({
    ...base,
    checks: [
      check(
        'hangs',
        ({ signal }) =>
          new Promise(() => {
            signal.addEventListener('abort', () => {
              isAborted = true
            })
          }),
        { timeoutMs: 20 },
      ),
    ],
  })
  t.like(rows[0], { outcome: 'unknown', observed: 'no answer within 0.02 s' })
  t.true(isAborted)
})

test('an aborted run rejects with the reason', async (t) => {
  const abort = new AbortController()
  const running = runPreflight({ ...base, signal: abort.signal, checks: [check('hangs', () => new Promise(() => {}))] })
  abort.abort(new Error('cancelled by the operator'))
  await t.throwsAsync(running, { message: 'cancelled by the operator' })
})

test('ignoring demotes an error to a warning and is recorded, by id in any case, by kubeadm name, or all', async (t) => {
  const list = [check('Mem', async () => fail('small', 'more')), check('SystemVerification/kernel', async () => fail('old', 'new'))]
  for (const ignore of [['mem', 'SystemVerification'], ['all']]) {
    const { rows, summary } = await runPreflight({ ...base, checks: list, input: { ignore } })
    for (const row of rows) t.like(row, { outcome: 'fail', severity: 'warning', ignored: true })
    t.is(exitCode(summary), 0)
  }
  const { rows, summary } = await runPreflight({ ...base, checks: list, input: { ignore: ['Other'] } })
  t.is(rows[0]?.ignored, undefined)
  t.is(exitCode(summary), 1)
})

test('a check for another role is skipped, not absent', async (t) => {
  const { rows } = await runPreflight({
    ...base,
    input: { role: 'worker' },
    checks: [check('cp', async () => pass(''), { roles: ['controlPlane'] })],
  })
  t.like(rows[0], { outcome: 'skipped', observed: 'not for the role worker', appliesTo: { roles: ['controlPlane'] } })
})

test('a measuring check runs when all others are done', async (t) => {
  let running = 0
  const others = Array.from({ length: 6 }, (_, index) =>
    check(`other-${index}`, async () => {
      running++
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return pass('')
    }),
  )
  const { rows } = await runPreflight({
    ...base,
    checks: [check('measure', async () => pass(String(running)), { isExclusive: true }), ...others],
  })
  t.is(rows[0]?.observed, '0')
})

test('what a machine says is made printable and cut to the contract', async (t) => {
  const { rows } = await runPreflight({ ...base, checks: [check('loud', async () => pass(`\u001b[31m${'x'.repeat(9000)}\u0000`))] })
  t.true(Value.Check(PreflightRow, rows[0]))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  t.notRegex(rows[0]?.observed ?? '', /[\u0000-\u001f]/)
})

test('the exit code: an error wins over an unknown, a warning is neither', (t) => {
  const none = { pass: 9, fail: 0, warn: 0, unknown: 0, skipped: 2 }
  t.is(exitCode(none), 0)
  t.is(exitCode({ ...none, warn: 3 }), 0)
  t.is(exitCode({ ...none, unknown: 1 }), 3)
  t.is(exitCode({ ...none, fail: 1, unknown: 1 }), 1)
})

test('the table shows what to do for what failed, and no colour where none is wanted', async (t) => {
  const { rows } = await runPreflight({
    ...base,
    checks: [
      check('A', async () => fail('bad', 'mend it')),
      check('B', async () => unknown('dark', 'light it')),
      check('C', async () => pass('good')),
    ],
  })
  const table = formatTable(rows, { width: 80 })
  t.regex(table, /ERROR\s+A\s+bad\n\s+expected: well\n\s+do: mend it/)
  t.regex(table, /UNKNOWN\s+B\s+dark/)
  t.regex(table, /ok\s+C\s+good/)
  t.false(table.includes('\u001b'))
  t.true(formatTable(rows, { color: true }).includes('\u001b[31m'))
})

test('the real machine gives a row for each check without one that throws', async (t) => {
  const host = createHost({ clock: systemClock, environment: { PATH: process.env.PATH } })
  const streamed: PreflightRow[] = []
  const report = await runPreflight({
    host,
    clock: systemClock,
    random: Math.random,
    input: { clusterCIDRs: ['10.3.0.0/16'], serviceCIDRs: ['10.4.0.0/16'], plugin: 'calico' },
    onRow: (row) => streamed.push(row),
  })
  t.deepEqual(
    report.rows.map(({ id }) => id),
    checks.map(({ id }) => id),
  )
  t.is(streamed.length, checks.length)
  for (const row of report.rows) {
    t.true(Value.Check(PreflightRow, row), row.id)
    t.false(row.observed.startsWith('the check failed'), `${row.id}: ${row.observed}`)
    if (row.outcome === 'fail' || row.outcome === 'unknown') t.not(row.remedy, '', row.id)
  }
  t.is(exitCode(report.summary), report.summary.fail > 0 ? 1 : report.summary.unknown > 0 ? 3 : 0)
  t.deepEqual(JSON.parse(formatJson(report)), JSON.parse(JSON.stringify(report)))
})
