import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import type { Cluster } from '#shared/contract/cluster.ts'
import { Nothing } from './page.tsx'
import { Status } from './status.tsx'
import { Dim, Plain } from './text.tsx'

/** Checks of /readyz and the component statuses; what fails comes first. */
export function ComponentsTable({ cluster }: { cluster: Cluster }) {
  const components = cluster.status?.components
  if (!components?.length)
    return (
      <Nothing isSmall title={components ? 'The cluster names no components' : 'The components have not been read yet'}>
        They come from the cluster’s own readiness checks.
      </Nothing>
    )
  const sorted = [...components].sort((a, b) => Number(a.isHealthy) - Number(b.isHealthy) || a.name.localeCompare(b.name))
  return (
    <Table aria-label="Components" variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>Component</Th>
          <Th>Health</Th>
          <Th>Message</Th>
        </Tr>
      </Thead>
      <Tbody>
        {sorted.map((component, index) => (
          <Tr key={index} data-component={component.isHealthy ? 'healthy' : 'unhealthy'}>
            <Td dataLabel="Component">
              <Plain max={128}>{component.name}</Plain>
            </Td>
            <Td dataLabel="Health">
              <Status state={component.isHealthy ? 'passed' : 'failed'}>{component.isHealthy ? 'Healthy' : 'Unhealthy'}</Status>
            </Td>
            <Td dataLabel="Message" modifier="breakWord">
              {component.message ? <Plain max={1024}>{component.message}</Plain> : <Dim>–</Dim>}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  )
}
