import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { attention } from '#hub/web/derive/attention.ts'
import { machine, pendingMachine, summary, task } from '#test/pages/fixtures.ts'

const now = new Date()
const machines = (...list: object[]) => list as Machine[]
const tasks = (...list: object[]) => list as Task[]
const topics = (items: ReturnType<typeof attention>) => items.map(({ topic, subject }) => `${topic}: ${subject}`)
const soon = (hours: number) => new Date(now.getTime() + hours * 3_600_000).toISOString()

test('a fleet that is well needs nobody', (t) => {
  t.deepEqual(attention(machines(machine('a')), tasks(task('t', 'a', 'facts', 'Succeeded')), now), [])
})

test('a machine that asks to join is listed once, whatever else is missing', (t) => {
  t.deepEqual(topics(attention(machines(pendingMachine('new')), [], now)), ['Approval: new'])
})

test('a denied or revoked machine needs nobody any more', (t) => {
  const gone = machine('gone', { status: { phase: 'Revoked', preflight: { task: 'x', summary, finishedAt: now.toISOString() } } })
  t.deepEqual(attention(machines(gone), [], now), [])
})

test('failures come before warnings, the newest first', (t) => {
  const bad = machine('bad', { status: { phase: 'Disconnected', lastHeartbeatTime: soon(-1) } })
  const checked = machine('checked', { status: { preflight: { task: 'x', summary, finishedAt: soon(-0.5) } } })
  t.deepEqual(topics(attention(machines(pendingMachine('new'), bad, checked), [], now)), [
    'Preflight: checked',
    'Disconnected: bad',
    'Approval: new',
  ])
})

test('a certificate that should have been renewed is named; one that is fresh is not', (t) => {
  const certificate = (hours: number) => ({ certificate: { serial: '1', notBefore: soon(-100), notAfter: soon(hours) } })
  const items = attention(
    machines(
      machine('old', { status: certificate(-1) }),
      machine('late', { status: certificate(5) }),
      machine('fresh', { status: certificate(50) }),
    ),
    [],
    now,
  )
  t.deepEqual(
    items.map(({ severity, subject }) => `${severity} ${subject}`),
    ['danger old', 'warning late'],
  )
})

test('a failed task is listed until the same action goes well on the same machine', (t) => {
  const failed = task('first', 'a', 'facts', 'Failed', {}, 60)
  t.deepEqual(topics(attention([], tasks(failed), now)), ['Task failed: facts on a'])
  t.deepEqual(attention([], tasks(failed, task('second', 'a', 'facts', 'Succeeded', {}, 5)), now), [])
  t.is(attention([], tasks(failed, task('second', 'b', 'facts', 'Succeeded', {}, 5)), now).length, 1)
})

test('a failure of the day before yesterday is history', (t) => {
  t.deepEqual(attention([], tasks(task('old', 'a', 'facts', 'Failed', {}, 2_880)), now), [])
})
