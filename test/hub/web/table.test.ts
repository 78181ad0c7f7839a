import test from 'ava'
import { changeView, pageOf, readView, selectRows } from '#hub/web/derive/table.ts'

interface Row {
  name: string
  phase: string
  count?: number
}
const rows: Row[] = [
  { name: 'node-10', phase: 'Connected', count: 3 },
  { name: 'node-2', phase: 'Pending' },
  { name: 'Node-1', phase: 'Connected', count: 20 },
]
const columns = [
  { key: 'name', sortValue: (row: Row) => row.name },
  { key: 'count', sortValue: (row: Row) => row.count },
]
const filters = [{ key: 'phase', valuesOf: (row: Row) => [row.phase] }]
const select = (query: string) =>
  selectRows(rows, readView(new URLSearchParams(query), ['phase'], 'name'), columns, filters, (row) => `${row.name} ${row.phase}`).map(
    ({ name }) => name,
  )

test('numbers inside names sort as numbers', (t) => {
  t.deepEqual(select(''), ['Node-1', 'node-2', 'node-10'])
  t.deepEqual(select('sort=-name'), ['node-10', 'node-2', 'Node-1'])
})

test('empty values come last in either direction', (t) => {
  t.deepEqual(select('sort=count'), ['node-10', 'Node-1', 'node-2'])
  t.deepEqual(select('sort=-count'), ['Node-1', 'node-10', 'node-2'])
})

test('every word of the search must occur, and the values of one filter are alternatives', (t) => {
  t.deepEqual(select('q=node+conn'), ['Node-1', 'node-10'])
  t.deepEqual(select('phase=Pending&phase=Connected&q=10'), ['node-10'])
  t.deepEqual(select('phase=Denied'), [])
})

test('a sort key that no column has leaves the order alone', (t) => {
  t.deepEqual(select('sort=__proto__'), ['node-10', 'node-2', 'Node-1'])
})

test('narrowing goes back to the first page, paging does not', (t) => {
  const params = new URLSearchParams('page=4&q=a')
  t.is(changeView(params, { q: 'b' }).toString(), 'q=b')
  t.is(changeView(params, { page: '5' }).toString(), 'q=a&page=5')
  t.is(changeView(params, { phase: ['A', 'B'], q: undefined }).toString(), 'phase=A&phase=B')
})

test('a page beyond the last shows the last, and a strange page size becomes 50', (t) => {
  const view = readView(new URLSearchParams('page=99&per=7'), [])
  t.is(view.perPage, 50)
  const { shown, page } = pageOf(
    Array.from({ length: 120 }, (_, index) => index),
    view,
  )
  t.is(page, 3)
  t.is(shown.length, 20)
  t.is(readView(new URLSearchParams('page=-3'), []).page, 1)
})
