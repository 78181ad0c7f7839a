import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { formatAge, formatBytes, formatDuration, formatMicroseconds, printable } from '#hub/web/derive/format.ts'
import { addressProblem, joinStage, joinTokenSpec } from '#hub/web/derive/join.ts'
import { nameProblem } from '#hub/web/derive/names.ts'
import { isFacts, preflightRows, rowVerdict } from '#hub/web/derive/task.ts'
import { facts, machine, pendingMachine, row } from '#test/pages/fixtures.ts'

test('ages are written as kubectl does', (t) => {
  const now = new Date('2026-05-01T12:00:00Z')
  t.is(formatAge('2026-05-01T11:59:18Z', now), '42s')
  t.is(formatAge('2026-05-01T11:57:00Z', now), '3m')
  t.is(formatAge('2026-04-30T12:00:00Z', now), '24h')
  t.is(formatAge('2026-04-20T12:00:00Z', now), '11d')
  t.is(formatAge('not a time', now), '–')
  t.is(formatAge(undefined, now), '–')
  t.is(formatDuration(-5), '0s')
})

test('sizes and round trips keep their unit', (t) => {
  t.is(formatBytes(0), '0 B')
  t.is(formatBytes(1536), '1.5 KiB')
  t.is(formatBytes(64 * 1024 ** 3), '64.0 GiB')
  t.is(formatBytes(undefined), '–')
  t.is(formatMicroseconds(840), '840 µs')
  t.is(formatMicroseconds(2310), '2.3 ms')
})

test('text of a machine loses control characters and marks that turn the reading direction', (t) => {
  t.is(printable('a\u001b[31mb\u202ec\nd'), 'a\ufffd[31mb\ufffdc\ufffdd')
  t.is(printable('x'.repeat(50), 10), `${'x'.repeat(10)}…`)
  t.is(printable(undefined), '')
})

test('a preflight result of any shape gives rows, and what is not understood is never passed', (t) => {
  t.deepEqual(preflightRows(undefined), [])
  t.deepEqual(preflightRows('rows'), [])
  t.deepEqual(preflightRows({ rows: [null, 3, 'x'] }), [])
  const [strange] = preflightRows({ rows: [{ id: { a: 1 }, outcome: 'fine', severity: 'none', observed: null, appliesTo: 'all' }] })
  t.is(strange?.outcome, 'unknown')
  t.is(strange?.severity, 'error')
  t.is(strange?.id, '{"a":1}')
  t.is(preflightRows({ rows: [row('Swap')] }).length, 1)
})

test('a failed check of severity warning, or one that is ignored, is a warning', (t) => {
  const verdict = (overrides: object) => rowVerdict(preflightRows([row('x', { ...overrides })])[0] as never)
  t.is(verdict({ outcome: 'fail' }), 'failed')
  t.is(verdict({ outcome: 'fail', severity: 'warning' }), 'warning')
  t.is(verdict({ outcome: 'fail', ignored: true }), 'warning')
  t.is(verdict({ outcome: 'unknown' }), 'unknown')
  t.is(verdict({ outcome: 'skipped' }), 'skipped')
})

test('only what looks like facts is shown as facts', (t) => {
  t.true(isFacts(facts()))
  t.false(isFacts({}))
  t.false(isFacts([]))
  t.false(isFacts({ ...facts(), disks: 'none' }))
})

test('names follow the rule of the API', (t) => {
  t.is(nameProblem('edge-west.dc1'), undefined)
  for (const name of ['Edge', 'a_b', '-a', 'a.', 'a..b', `${'x'.repeat(64)}`, `${'x.'.repeat(130)}x`]) t.truthy(nameProblem(name), name)
})

test('the wizard sends only what was chosen, and single addresses as networks', (t) => {
  const choice = { clusterRef: '', role: 'worker', uses: 1, ttlSeconds: 3600, approval: 'Manual', hostname: '', addresses: '' } as const
  t.deepEqual(joinTokenSpec(choice), { uses: 1, ttlSeconds: 3600, role: 'worker', approval: 'Manual' })
  t.deepEqual(joinTokenSpec({ ...choice, clusterRef: 'lab', hostname: ' n1 ', addresses: '10.0.0.5, fd00::/64 ::1' }), {
    uses: 1,
    ttlSeconds: 3600,
    role: 'worker',
    approval: 'Manual',
    clusterRef: 'lab',
    match: { hostname: 'n1', addresses: ['10.0.0.5/32', 'fd00::/64', '::1/128'] },
  })
  t.is(addressProblem('10.0.0.0/8 fd00::/64'), undefined)
  t.regex(addressProblem('10.0.0.0/8 <img>') ?? '', /<img>/)
})

test('a joining machine is asked, approved, connected, checked, or refused', (t) => {
  const stage = (object: object) => joinStage(object as Machine)
  const asked = pendingMachine('new')
  t.is(stage(asked), 'asked')
  t.is(stage({ ...asked, spec: { ...asked.spec, approved: true } }), 'approved')
  t.is(stage(machine('a', { status: { preflight: undefined } })), 'connected')
  t.is(stage(machine('a')), 'checked')
  t.is(stage(machine('a', { status: { phase: 'Denied' } })), 'refused')
})
