// Filtering, sorting and paging of rows by what stands in the address, so that a view can be sent to a colleague. Pure.
export interface TableColumn<T> {
  key: string
  /** Absent: the column cannot be sorted by. Empty values come last in either direction. */
  sortValue?(row: T): string | number | undefined
}
export interface TableFilter<T> {
  key: string
  /** The row passes when one of these is chosen. */
  valuesOf(row: T): readonly string[]
}
export interface TableView {
  search: string
  sortKey: string | undefined
  isDescending: boolean
  page: number
  perPage: number
  chosen: Readonly<Record<string, readonly string[]>>
}

export const pageSizes = [20, 50, 100, 200] as const

export function readView(params: URLSearchParams, filterKeys: readonly string[], defaultSort?: string): TableView {
  const sort = params.get('sort') ?? defaultSort
  const perPage = Number(params.get('per'))
  return {
    search: params.get('q') ?? '',
    sortKey: sort?.replace(/^-/, ''),
    isDescending: sort?.startsWith('-') ?? false,
    page: Math.max(1, Math.floor(Number(params.get('page')) || 1)),
    perPage: pageSizes.some((size) => size === perPage) ? perPage : 50,
    chosen: Object.fromEntries(filterKeys.map((key) => [key, params.getAll(key)])),
  }
}

/** The parameters of a view with some of it changed; whatever narrows the rows goes back to the first page. */
export function changeView(params: URLSearchParams, change: Record<string, string | readonly string[] | undefined>): URLSearchParams {
  const next = new URLSearchParams(params)
  if (!('page' in change)) next.delete('page')
  for (const [key, value] of Object.entries(change)) {
    next.delete(key)
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one !== '') next.append(key, one)
  }
  return next
}

const collator = new Intl.Collator('en', { numeric: true })
function compare(a: string | number | undefined, b: string | number | undefined, sign: number): number {
  const isEmptyA = a === undefined || a === ''
  const isEmptyB = b === undefined || b === ''
  if (isEmptyA || isEmptyB) return Number(isEmptyA) - Number(isEmptyB)
  return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b)))
}

/** All rows of the view, before paging. Every word of the search must occur in the row's text. */
export function selectRows<T>(
  rows: readonly T[],
  view: TableView,
  columns: readonly TableColumn<T>[],
  filters: readonly TableFilter<T>[],
  textOf: (row: T) => string,
): T[] {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean)
  const active = filters.filter((filter) => (view.chosen[filter.key]?.length ?? 0) > 0)
  const found = rows.filter((row) => {
    if (!active.every((filter) => filter.valuesOf(row).some((value) => view.chosen[filter.key]?.includes(value)))) return false
    if (words.length === 0) return true
    const text = textOf(row).toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const valueOf = columns.find((column) => column.key === view.sortKey)?.sortValue
  if (!valueOf) return found
  const sign = view.isDescending ? -1 : 1
  return found
    .map((row) => ({ row, value: valueOf(row) }))
    .sort((a, b) => compare(a.value, b.value, sign))
    .map(({ row }) => row)
}

export function pageOf<T>(rows: readonly T[], view: TableView): { shown: readonly T[]; page: number } {
  const last = Math.max(1, Math.ceil(rows.length / view.perPage))
  const page = Math.min(view.page, last)
  return { shown: rows.slice((page - 1) * view.perPage, page * view.perPage), page }
}
