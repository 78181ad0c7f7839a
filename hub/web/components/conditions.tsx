import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import type { Condition } from '#shared/contract/meta.ts'
import { conditionState, worstFirst } from '../derive/conditions.ts'
import { printable } from '../derive/format.ts'
import { Nothing } from './page.tsx'
import { Status } from './status.tsx'
import { Age, Help, Plain } from './text.tsx'

export interface ConditionsProps {
  conditions: readonly Condition[] | undefined
  /** What to do about it; stands below its message. */
  remedyOf?(condition: Condition): string | undefined
}

export function Conditions({ conditions, remedyOf }: ConditionsProps) {
  if (!conditions?.length)
    return (
      <Nothing isSmall title="No condition yet">
        The hub writes the first ones within seconds.
      </Nothing>
    )
  return (
    <Table aria-label="Conditions" variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>
            Condition <Help term="Condition" />
          </Th>
          <Th>Status</Th>
          <Th>Reason</Th>
          <Th>Message</Th>
          <Th>Since</Th>
        </Tr>
      </Thead>
      <Tbody>
        {worstFirst(conditions).map((condition) => (
          <Tr key={condition.type}>
            <Td dataLabel="Condition">
              <Plain max={64}>{condition.type}</Plain>
            </Td>
            <Td dataLabel="Status">
              <Status state={conditionState(condition)}>{printable(condition.status, 16)}</Status>
            </Td>
            <Td dataLabel="Reason">
              <Plain max={128}>{condition.reason}</Plain>
            </Td>
            <Td dataLabel="Message" modifier="breakWord">
              <Plain>{condition.message}</Plain>
              {remedyOf?.(condition) && <div className="m-sub">{remedyOf(condition)}</div>}
            </Td>
            <Td dataLabel="Since">
              <Age at={condition.lastTransitionTime} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  )
}
