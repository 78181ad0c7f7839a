import test from 'ava'
import fc from 'fast-check'
import { canMoveTask, IllegalTaskMove, isTaskState, isTerminal, legalMoves, moveTask } from '#shared/contract/task-state.ts'
import { taskStates } from '#shared/contract/task.ts'

const state = fc.constantFrom(...taskStates)
/** How far a state is on its way; no legal move may lead back. */
const rank = { Pending: 0, Delivered: 1, Running: 2, Succeeded: 3, Failed: 3, Canceled: 3, TimedOut: 3 }

test('every state is in the table and the terminal ones have no exit', (t) => {
  t.deepEqual(Object.keys(legalMoves).sort(), [...taskStates].sort())
  t.deepEqual(taskStates.filter(isTerminal), ['Succeeded', 'Failed', 'Canceled', 'TimedOut'])
})

test('a move is either in the table, or staying, or an error that names both states', (t) => {
  for (const from of taskStates)
    for (const to of taskStates) {
      if (from === to || legalMoves[from].includes(to)) t.is(moveTask(from, to), to)
      else t.throws(() => moveTask(from, to), { instanceOf: IllegalTaskMove, message: `a task cannot go from ${from} to ${to}` })
    }
})

test('no walk of events, in any order and any number, leads backwards or out of an end', (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ state, attempt: fc.integer({ min: 1, max: 3 }) }), { maxLength: 40 }), (events) => {
      let current: { state: (typeof taskStates)[number]; attempt: number } = { state: 'Pending', attempt: 2 }
      for (const event of events) {
        const before = current
        if (canMoveTask(current, event)) current = { ...current, state: moveTask(current.state, event.state) }
        if (isTerminal(before.state)) t.is(current, before)
        t.true(rank[current.state] >= rank[before.state])
        if (event.attempt !== 2) t.is(current, before)
      }
    }),
  )
})

test('what comes twice changes nothing the second time', (t) => {
  fc.assert(
    fc.property(fc.array(state, { maxLength: 12 }), (states) => {
      const walk = (list: readonly (typeof taskStates)[number][]) =>
        list.reduce<(typeof taskStates)[number]>(
          (now, next) => (canMoveTask({ state: now, attempt: 1 }, { state: next, attempt: 1 }) ? next : now),
          'Pending',
        )
      t.is(walk(states.flatMap((one) => [one, one])), walk(states))
    }),
  )
})

test('only the names of states are states', (t) => {
  for (const name of taskStates) t.true(isTaskState(name))
  for (const name of ['', 'pending', 'constructor', undefined, 3]) t.false(isTaskState(name))
})
