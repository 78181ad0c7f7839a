// The table of every list page: search, filters, sorting and paging live in the address.
import { Button, Pagination, SearchInput, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import { type ReactNode, useDeferredValue, useMemo } from 'react'
import { useSearchParams } from 'react-router'
import { changeView, pageOf, pageSizes, readView, selectRows, type TableColumn, type TableFilter } from '../derive/table.ts'
import type { Term } from '../derive/terms.ts'
import { FilterSelect } from './filter-select.tsx'
import { Nothing } from './page.tsx'
import { Help } from './text.tsx'

export interface Column<T> extends TableColumn<T> {
  title: string
  help?: Term
  cell(row: T): ReactNode
  /** Columns that give way on a narrow screen. */
  isSecondary?: boolean
  modifier?: 'nowrap' | 'truncate' | 'fitContent'
}
export interface Filter<T> extends TableFilter<T> {
  title: string
  /** Order of the options; others follow by name. */
  known?: readonly string[]
  labels?: Readonly<Record<string, string>>
}
/** Columns, filters and `textOf` are constants of a page: what is derived from the rows is kept as long as they are the same. */
export interface ResourceTableProps<T> {
  label: string
  rows: readonly T[]
  keyOf(row: T): string
  columns: readonly Column<T>[]
  filters?: readonly Filter<T>[]
  textOf(row: T): string
  searchHint: string
  defaultSort?: string
  /** Stands there when there are no rows at all; says what to do next. */
  empty: ReactNode
  actions?: ReactNode
}

const none: readonly never[] = []

function optionsOf<T>(rows: readonly T[], filter: Filter<T>, chosen: readonly string[]) {
  const counts = new Map<string, number>()
  for (const row of rows) for (const value of filter.valuesOf(row)) counts.set(value, (counts.get(value) ?? 0) + 1)
  for (const value of chosen) if (!counts.has(value)) counts.set(value, 0)
  const rank = (value: string) => (filter.known?.indexOf(value) ?? -1) >>> 0
  return [...counts]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .slice(0, 300)
    .map(([value, count]) => ({ value, count, label: filter.labels?.[value] }))
}

export function ResourceTable<T>(props: ResourceTableProps<T>) {
  const { rows, columns, textOf, keyOf, defaultSort } = props
  const filters = props.filters ?? (none as readonly Filter<T>[])
  const [params, setParams] = useSearchParams()
  const view = useMemo(
    () =>
      readView(
        params,
        filters.map((filter) => filter.key),
        defaultSort,
      ),
    [params, filters, defaultSort],
  )
  const change = (next: Parameters<typeof changeView>[1]) => setParams((old) => changeView(old, next), { replace: true })
  const search = useDeferredValue(view.search)
  const found = useMemo(
    () => selectRows(rows, { ...view, search }, columns, filters, textOf),
    [rows, view, search, columns, filters, textOf],
  )
  const { shown, page } = pageOf(found, view)
  const options = useMemo(
    () => filters.map((filter) => optionsOf(rows, filter, view.chosen[filter.key] ?? [])),
    [rows, filters, view.chosen],
  )
  if (rows.length === 0) return <>{props.empty}</>

  const clear = () => change({ q: undefined, ...Object.fromEntries(filters.map((filter) => [filter.key, undefined])) })
  const sortOf = (column: Column<T>, columnIndex: number) =>
    column.sortValue && {
      columnIndex,
      sortBy: { index: columns.findIndex(({ key }) => key === view.sortKey), direction: view.isDescending ? 'desc' : 'asc' } as const,
      onSort: (_event: unknown, _index: number, direction: string) => change({ sort: `${direction === 'desc' ? '-' : ''}${column.key}` }),
    }
  const pager = (place: 'top' | 'bottom') => (
    <Pagination
      isCompact={place === 'top'}
      variant={place}
      itemCount={found.length}
      page={page}
      perPage={view.perPage}
      perPageOptions={pageSizes.map((value) => ({ title: String(value), value }))}
      onSetPage={(_event, next) => change({ page: String(next) })}
      onPerPageSelect={(_event, per) => change({ per: String(per) })}
      widgetId={`${props.label.toLowerCase().replaceAll(' ', '-')}-${place}`}
      titles={{ paginationAriaLabel: `Pages of ${props.label}, ${place}` }}
    />
  )
  return (
    <div className="m-table-card">
      <Toolbar clearAllFilters={clear} clearFiltersButtonText="Clear all filters" className="m-toolbar">
        <ToolbarContent>
          <ToolbarItem className="m-search">
            <SearchInput
              aria-label={`Search ${props.label}`}
              placeholder={props.searchHint}
              value={view.search}
              onChange={(_event, value) => change({ q: value })}
              onClear={() => change({ q: undefined })}
            />
          </ToolbarItem>
          {filters.map((filter, index) => (
            <FilterSelect
              key={filter.key}
              title={filter.title}
              options={options[index] ?? []}
              chosen={view.chosen[filter.key] ?? []}
              onChange={(chosen) => change({ [filter.key]: chosen })}
            />
          ))}
          {props.actions && <ToolbarItem>{props.actions}</ToolbarItem>}
          <ToolbarItem variant="pagination">{pager('top')}</ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <Table aria-label={props.label} variant="compact" isStickyHeader gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            {columns.map((column, index) => (
              <Th
                key={column.key}
                sort={sortOf(column, index)}
                modifier="nowrap"
                className={column.isSecondary ? 'm-secondary' : undefined}
              >
                {column.title}
                {column.help && !column.sortValue && <Help term={column.help} />}
              </Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {shown.map((row) => (
            <Tr key={keyOf(row)} data-row={keyOf(row)}>
              {columns.map((column) => (
                <Td
                  key={column.key}
                  dataLabel={column.title}
                  modifier={column.modifier}
                  className={column.isSecondary ? 'm-secondary' : undefined}
                >
                  {column.cell(row)}
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
      {found.length === 0 && (
        <Nothing
          isSmall
          icon={SearchIcon}
          title="Nothing matches"
          action={
            <Button variant="link" onClick={clear}>
              Clear all filters
            </Button>
          }
        >
          No row has what the search and the filters ask for.
        </Nothing>
      )}
      {found.length > view.perPage && pager('bottom')}
    </div>
  )
}
