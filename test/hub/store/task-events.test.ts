import test from 'ava'
import fc from 'fast-check'
import { foldTaskEvent, maxResultRows, type TaskEvent } from '#hub/store/task-events.ts'
import { isTerminal, legalMoves } from '#shared/contract/task-state.ts'
import { type TaskStatus, taskStates } from '#shared/contract/task.ts'

const at = '2030-01-02T03:04:05.000Z'
const taskEvent: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.constant<TaskEvent>({ type: 'started', at }),
  fc.record({ type: fc.constant('progress' as const), percent: fc.double(), message: fc.string() }),
  fc.record({ type: fc.constant('row' as const), row: fc.jsonValue() }),
  fc.record({ type: fc.constant('dropped' as const), count: fc.integer() }),
  fc.record({
    type: fc.constant('finished' as const),
    at: fc.constant(at),
    state: fc.oneof(fc.constantFrom(...taskStates), fc.string()),
    reason: fc.string(),
    message: fc.string(),
    result: fc.jsonValue(),
  }),
)
const status: fc.Arbitrary<TaskStatus> = fc.record({ state: fc.constantFrom(...taskStates), attempt: fc.integer({ min: 1, max: 3 }) })
const history = fc.array(fc.record({ attempt: fc.integer({ min: 1, max: 3 }), event: taskEvent }), { maxLength: 40 })

test('whatever comes, in whatever order and however often, a state only makes legal moves', (t) => {
  fc.assert(
    fc.property(status, history, (start, list) => {
      let current = start
      for (const { attempt, event } of [...list, ...list]) {
        const next = foldTaskEvent(current, attempt, event)
        if (next.state !== current.state && !legalMoves[current.state].includes(next.state)) return false
        if (isTerminal(current.state) && next !== current) return false
        if (attempt !== current.attempt && next !== current) return false
        if (next.attempt !== current.attempt) return false
        current = next
      }
      return true
    }),
  )
  t.pass()
})

test('a terminal state is reached once: a second result changes nothing', (t) => {
  const running: TaskStatus = { state: 'Running', attempt: 1 }
  const done = foldTaskEvent(running, 1, { type: 'finished', at, state: 'Succeeded', reason: 'Done', message: 'm', result: { a: 1 } })
  t.deepEqual(done, { state: 'Succeeded', attempt: 1, finishedAt: at, reason: 'Done', message: 'm', result: { a: 1 } })
  t.is(foldTaskEvent(done, 1, { type: 'finished', at, state: 'Failed', reason: 'x', message: 'y' }), done)
})

test('"finished" with a state that is not terminal, or is none, changes nothing', (t) => {
  const running: TaskStatus = { state: 'Running', attempt: 1 }
  for (const state of ['Running', 'Pending', 'Deleted', '', '__proto__'])
    t.is(foldTaskEvent(running, 1, { type: 'finished', at, state, reason: '', message: '' }), running)
})

test('rows gather under result.rows, and a result takes their place', (t) => {
  let current: TaskStatus = { state: 'Running', attempt: 1 }
  for (const row of [1, 2]) current = foldTaskEvent(current, 1, { type: 'row', row })
  t.deepEqual(current.result, { rows: [1, 2] })
  t.deepEqual(foldTaskEvent(current, 1, { type: 'finished', at, state: 'Failed', reason: 'R', message: '' }).result, { rows: [1, 2] })
})

test('an action that starts again after a crash of the agent sends its rows again', (t) => {
  const current: TaskStatus = {
    state: 'Running',
    attempt: 1,
    startedAt: 'first',
    result: { rows: [1] },
    progress: { percent: 50, message: '' },
  }
  t.deepEqual(foldTaskEvent(current, 1, { type: 'started', at }), { state: 'Running', attempt: 1, startedAt: 'first' })
})

test('more rows than a result holds are counted as dropped', (t) => {
  const current: TaskStatus = { state: 'Running', attempt: 1, result: { rows: Array.from({ length: maxResultRows }, () => 1) } }
  t.is(foldTaskEvent(current, 1, { type: 'row', row: 2 }).droppedEvents, 1)
})

test('progress stays between 0 and 100', (t) => {
  const current: TaskStatus = { state: 'Running', attempt: 1 }
  const percent = (value: number) => foldTaskEvent(current, 1, { type: 'progress', percent: value, message: 'm' }).progress?.percent
  t.deepEqual([percent(-5), percent(Number.NaN), percent(33.9), percent(400)], [0, 0, 33, 100])
})
