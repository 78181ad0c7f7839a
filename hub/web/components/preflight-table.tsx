// A preflight's rows: what failed first, filtered by outcome and group, each with what was observed, expected and what to do.
import { SearchInput, ToggleGroup, ToggleGroupItem, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core'
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import { useMemo, useState } from 'react'
import type { PreflightRow } from '#shared/contract/preflight.ts'
import { formatDuration, printable } from '../derive/format.ts'
import { type RowVerdict, rowVerdict, rowVerdicts } from '../derive/task.ts'
import { FilterSelect } from './filter-select.tsx'
import { Nothing } from './page.tsx'
import { Status } from './status.tsx'
import { Dim, Help, Mono, Plain, WithCode } from './text.tsx'

const titles: Readonly<Record<RowVerdict, string>> = {
  failed: 'Failed',
  warning: 'Warnings',
  unknown: 'Unknown',
  passed: 'Passed',
  skipped: 'Skipped',
}

function Detail({ row }: { row: PreflightRow }) {
  const facts: readonly (readonly [string, string])[] = [
    ['Observed', row.observed],
    ['Expected', row.expected],
    ['What to do', row.remedy],
    ['Rule from', row.source],
    [
      'Applies to',
      [row.appliesTo.roles.join(', '), row.appliesTo.kubernetes && `Kubernetes ${row.appliesTo.kubernetes}`].filter(Boolean).join(', '),
    ],
    ['Took', row.durationMs === undefined ? '' : row.durationMs < 1000 ? `${row.durationMs} ms` : formatDuration(row.durationMs)],
  ]
  return (
    <dl className="m-detail">
      {facts.map(([term, text]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{text ? <WithCode>{text}</WithCode> : <Dim>–</Dim>}</dd>
        </div>
      ))}
      {row.ignored && (
        <div>
          <dt>Ignored</dt>
          <dd>Demoted to a warning when the preflight was started; recorded in the task’s input.</dd>
        </div>
      )}
    </dl>
  )
}

/** One check may have several rows, one per file or interface: the id and its turn tell them apart while more arrive. */
function withKeys(rows: readonly PreflightRow[]): { row: PreflightRow; key: string }[] {
  const seen = new Map<string, number>()
  return rows.map((row) => {
    const turn = seen.get(row.id) ?? 0
    seen.set(row.id, turn + 1)
    return { row, key: `${row.id}/${turn}` }
  })
}

interface CheckProps {
  row: PreflightRow
  index: number
  isOpen: boolean
  onToggle(): void
}

function Check({ row, index, isOpen, onToggle }: CheckProps) {
  const verdict = rowVerdict(row)
  const needsRemedy = verdict !== 'passed' && verdict !== 'skipped'
  return (
    <Tbody isExpanded={isOpen} data-check={printable(row.id, 128)}>
      <Tr isContentExpanded={isOpen}>
        <Td expand={{ rowIndex: index, isExpanded: isOpen, onToggle, expandId: 'check' }} />
        <Td dataLabel="Outcome" modifier="nowrap">
          <Status state={verdict} />
        </Td>
        <Td dataLabel="Check" modifier="breakWord" id={`simple-node${index}`}>
          <Mono max={128}>{row.id}</Mono>
        </Td>
        <Td dataLabel="Severity">
          <Plain max={32}>{row.severity}</Plain>
        </Td>
        <Td dataLabel="Group">
          <Plain max={32}>{row.group}</Plain>
        </Td>
        <Td dataLabel="Observed" modifier="breakWord">
          <Plain max={200}>{row.observed || '–'}</Plain>
          {needsRemedy && row.remedy && !isOpen && (
            <div className="m-sub">
              <WithCode max={160}>{row.remedy}</WithCode>
            </div>
          )}
        </Td>
      </Tr>
      {isOpen && (
        <Tr isExpanded>
          <Td colSpan={6}>
            <ExpandableRowContent>
              <Detail row={row} />
            </ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  )
}

export function PreflightTable({ rows, isRunning }: { rows: readonly PreflightRow[]; isRunning: boolean }) {
  const [verdict, setVerdict] = useState<RowVerdict>()
  const [search, setSearch] = useState('')
  const [groups, setGroups] = useState<string[]>([])
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const counts = useMemo(() => {
    const found = { failed: 0, warning: 0, unknown: 0, passed: 0, skipped: 0 }
    for (const row of rows) found[rowVerdict(row)]++
    return found
  }, [rows])
  const groupOptions = useMemo(() => [...new Set(rows.map((row) => row.group))].sort().map((value) => ({ value })), [rows])
  const shown = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean)
    return withKeys(rows)
      .filter(({ row }) => {
        if (verdict && rowVerdict(row) !== verdict) return false
        if (groups.length > 0 && !groups.includes(row.group)) return false
        const text = [row.id, row.observed, row.expected, row.remedy, row.source].join(' ').toLowerCase()
        return words.every((word) => text.includes(word))
      })
      .sort((a, b) => rowVerdicts.indexOf(rowVerdict(a.row)) - rowVerdicts.indexOf(rowVerdict(b.row)))
  }, [rows, verdict, groups, search])
  const toggle = (key: string) => {
    const next = new Set(open)
    if (!next.delete(key)) next.add(key)
    setOpen(next)
  }
  if (rows.length === 0)
    return (
      <Nothing isSmall title={isRunning ? 'The first check is under way' : 'This preflight has no rows'}>
        {isRunning ? 'Rows appear here as each check ends.' : 'See the log for what happened, and run it again.'}
      </Nothing>
    )
  return (
    <div className="m-table-card">
      <Toolbar className="m-toolbar" clearAllFilters={() => setGroups([])}>
        <ToolbarContent>
          <ToolbarItem>
            <ToggleGroup aria-label="Outcome" isCompact>
              <ToggleGroupItem
                text={`All ${rows.length}`}
                buttonId="outcome-all"
                isSelected={!verdict}
                onChange={() => setVerdict(undefined)}
              />
              {rowVerdicts.map((one) => (
                <ToggleGroupItem
                  key={one}
                  buttonId={`outcome-${one}`}
                  text={`${titles[one]} ${counts[one]}`}
                  isSelected={verdict === one}
                  onChange={() => setVerdict(verdict === one ? undefined : one)}
                />
              ))}
            </ToggleGroup>
          </ToolbarItem>
          <FilterSelect title="Group" options={groupOptions} chosen={groups} onChange={setGroups} />
          <ToolbarItem className="m-search">
            <SearchInput
              aria-label="Search checks"
              placeholder="Check, value, remedy"
              value={search}
              onChange={(_event, value) => setSearch(value)}
              onClear={() => setSearch('')}
            />
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <Table aria-label="Preflight checks" variant="compact" isExpandable gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            <Th screenReaderText="Details" />
            <Th modifier="nowrap">
              Outcome <Help term="Outcome" />
            </Th>
            <Th width={25}>Check</Th>
            <Th modifier="nowrap">
              Severity <Help term="Severity" />
            </Th>
            <Th>Group</Th>
            <Th width={50}>Observed</Th>
          </Tr>
        </Thead>
        {shown.map(({ row, key }, index) => (
          <Check key={key} row={row} index={index} isOpen={open.has(key)} onToggle={() => toggle(key)} />
        ))}
      </Table>
      {shown.length === 0 && (
        <Nothing isSmall title="No check matches">
          Choose another outcome or group, or clear the search.
        </Nothing>
      )}
    </div>
  )
}
