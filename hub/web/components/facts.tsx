// What the agent knows about its machine.
import { DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core'
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import type { ReactNode } from 'react'
import type { Facts } from '#shared/contract/facts.ts'
import { formatBytes } from '../derive/format.ts'
import type { Term } from '../derive/terms.ts'
import { Age, Dim, Help, Mono, Plain } from './text.tsx'

export function Pairs({ pairs, columns = 3 }: { pairs: readonly (readonly [string, ReactNode, Term?])[]; columns?: 1 | 2 | 3 }) {
  return (
    <DescriptionList isCompact columnModifier={{ default: '1Col', md: columns === 1 ? '1Col' : '2Col', xl: `${columns}Col` as const }}>
      {pairs.map(([term, value, help]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>
            {term}
            {help && <Help term={help} />}
          </DescriptionListTerm>
          <DescriptionListDescription>{value ?? <Dim>–</Dim>}</DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  )
}

function Rows({ label, head, rows }: { label: string; head: readonly string[]; rows: readonly (readonly ReactNode[])[] }) {
  if (rows.length === 0) return null
  return (
    <section aria-label={label}>
      <h2 className="m-section-title m-section-head">{label}</h2>
      <Table aria-label={label} variant="compact" gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            {head.map((title) => (
              <Th key={title}>{title}</Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((cells, index) => (
            <Tr key={index}>
              {cells.map((cell, column) => (
                <Td key={head[column]} dataLabel={head[column]} modifier="breakWord">
                  {cell}
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
    </section>
  )
}

const text = (value: unknown, max = 256) => <Plain max={max}>{value}</Plain>

export function FactsView({ facts }: { facts: Facts }) {
  const { cpu, memory } = facts
  return (
    <div className="m-stack">
      <Pairs
        pairs={[
          ['Host name', text(facts.hostname)],
          ['System', text(facts.os.prettyName)],
          ['Kernel', text(facts.kernel)],
          ['Architecture', text(facts.architecture)],
          ['Processor', text(`${cpu.count} × ${cpu.model}`)],
          ['Memory', `${formatBytes(memory.totalBytes)}, ${formatBytes(memory.availableBytes)} available`],
          ['Swap', memory.swapTotalBytes > 0 ? formatBytes(memory.swapTotalBytes) : 'off'],
          ['Virtualization', facts.virtualization ? text(facts.virtualization) : 'none'],
          ['Init system', text(facts.initSystem)],
          ['Container runtime', facts.runtime ? text(`${facts.runtime.name} ${facts.runtime.version}`) : 'none found'],
          ['Kubelet', facts.kubelet ? text(facts.kubelet.version) : 'none found'],
          ['Resolvers', text(facts.resolvers.join(', ') || '–')],
          ['Boot id', <Mono key="boot">{facts.bootId}</Mono>],
          ['Collected', <Age key="collected" at={facts.collectedAt} suffix="ago" />],
        ]}
      />
      <Rows
        label="Network interfaces"
        head={['Name', 'State', 'Addresses', 'MAC', 'MTU', 'Speed']}
        rows={facts.nics.map((nic) => [
          text(nic.name),
          nic.up ? 'up' : 'down',
          text(nic.addresses.join(', ') || '–', 2048),
          <Mono key="mac">{nic.mac}</Mono>,
          nic.mtu,
          nic.speedMbps === undefined ? '–' : `${nic.speedMbps} Mbit/s`,
        ])}
      />
      <Rows
        label="Disks"
        head={['Mounted at', 'Device', 'File system', 'Size', 'Available', 'Free inodes']}
        rows={facts.disks.map((disk) => [
          text(disk.mountPoint),
          text(disk.device),
          text(disk.fsType),
          formatBytes(disk.sizeBytes),
          formatBytes(disk.availableBytes),
          disk.inodesFree ?? '–',
        ])}
      />
      <Rows
        label="Routes"
        head={['Destination', 'Gateway', 'Interface', 'Family']}
        rows={facts.routes.map((route) => [
          text(route.destination),
          text(route.gateway ?? '–'),
          text(route.interface),
          `IPv${route.family}`,
        ])}
      />
    </div>
  )
}
