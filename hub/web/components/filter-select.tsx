import { Badge, MenuToggle, Select, SelectList, SelectOption, ToolbarFilter } from '@patternfly/react-core'
import { useState } from 'react'
import { formatCount, printable } from '../derive/format.ts'

export interface FilterOption {
  value: string
  label?: string
  count?: number
}

export interface FilterSelectProps {
  title: string
  options: readonly FilterOption[]
  chosen: readonly string[]
  onChange(chosen: string[]): void
}

/** Choose any number of values; what is chosen stands as removable labels under the toolbar. */
export function FilterSelect({ title, options, chosen, onChange }: FilterSelectProps) {
  const [isOpen, setOpen] = useState(false)
  const toggle = (value: string) => onChange(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value])
  const labelOf = (value: string) => printable(options.find((option) => option.value === value)?.label ?? value, 64)
  return (
    <ToolbarFilter
      categoryName={title}
      labels={chosen.map((value) => ({ key: value, node: labelOf(value) }))}
      deleteLabel={(_category, label) => toggle(typeof label === 'string' ? label : label.key)}
      deleteLabelGroup={() => onChange([])}
    >
      <Select
        isOpen={isOpen}
        onOpenChange={setOpen}
        onSelect={(_event, value) => toggle(String(value))}
        selected={[...chosen]}
        isScrollable
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            onClick={() => setOpen(!isOpen)}
            isExpanded={isOpen}
            badge={chosen.length > 0 ? <Badge isRead>{chosen.length}</Badge> : undefined}
          >
            {title}
          </MenuToggle>
        )}
      >
        <SelectList aria-label={title}>
          {options.length === 0 && <SelectOption isDisabled>Nothing to choose</SelectOption>}
          {options.map(({ value, count }) => (
            <SelectOption key={value} value={value} hasCheckbox isSelected={chosen.includes(value)}>
              {labelOf(value)} {count !== undefined && <span className="m-dim">{formatCount(count)}</span>}
            </SelectOption>
          ))}
        </SelectList>
      </Select>
    </ToolbarFilter>
  )
}
