import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import type { Condition } from '#shared/contract/meta.ts'
import { Nothing } from './page.tsx'
import { Status } from './status.tsx'
import { Age, Help, Plain } from './text.tsx'

/** What is wrong comes first; within that, in the order the hub gives. */
export function Conditions({ conditions }: { conditions: readonly Condition[] | undefined }) {
  if (!conditions?.length)
    return (
      <Nothing isSmall title="No condition yet">
        The hub writes the first ones within seconds.
      </Nothing>
    )
  const rank = { False: 0, Unknown: 1, True: 2 } as const
  const sorted = [...conditions].sort((a, b) => (rank[a.status] ?? 1) - (rank[b.status] ?? 1))
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
        {sorted.map((condition) => (
          <Tr key={condition.type}>
            <Td dataLabel="Condition">
              <Plain max={64}>{condition.type}</Plain>
            </Td>
            <Td dataLabel="Status">
              <Status state={condition.status} />
            </Td>
            <Td dataLabel="Reason">
              <Plain max={128}>{condition.reason}</Plain>
            </Td>
            <Td dataLabel="Message" modifier="breakWord">
              <Plain>{condition.message}</Plain>
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
