import { isIPv4, isIPv6 } from 'node:net'
import { type Machine, MachineSpec, MachineStatus } from '#shared/contract/machine.ts'
import type { FieldCause, KindDefinition } from '../types.ts'
import { isLabelKey, isLabelValue, labelKeyRule, labelValueRule } from '../validate/grammar.ts'
import { checkLabels } from '../validate/metadata.ts'
import { ageColumn, column, conditionStatus, nameColumn, wide } from './columns.ts'
import { checkSsh } from './machine-ssh.ts'
import { badValue, oneWay, reference } from './rules.ts'

export const machineKind: KindDefinition = {
  kind: 'Machine',
  plural: 'machines',
  singular: 'machine',
  shortNames: ['mach'],
  categories: ['all', 'moorline'],
  description:
    'A host with an agent. It appears when its agent asks to join, or is created with spec.ssh for the hub to install the agent; it gets an identity when spec.approved is true.',
  spec: MachineSpec,
  status: MachineStatus,
  columns: [
    nameColumn,
    column<Machine>('Cluster', 'Cluster it belongs to.', (object) => object.spec.clusterRef),
    column<Machine>('Phase', 'Pending, Connected, Disconnected, Denied or Revoked.', (object) => object.status?.phase),
    column<Machine>('Connected', 'Every plane in use has echoed within the heartbeat window.', (object) =>
      conditionStatus(object.status?.conditions, 'Connected'),
    ),
    column<Machine>('Preflight', 'Outcome of the last preflight.', preflightOf),
    wide<Machine>('Agent-Version', 'Version of the agent.', (object) => object.status?.agentVersion),
    wide<Machine>('OS', 'Operating system.', (object) => object.status?.facts?.os.prettyName),
    wide<Machine>('Kernel', 'Kernel release.', (object) => object.status?.facts?.kernel),
    wide<Machine>(
      'SSH',
      'Server on which the hub installs the agent.',
      ({ spec: { ssh } }) => ssh && `${ssh.user ?? 'root'}@${ssh.host}:${ssh.port ?? 22}`,
    ),
    wide<Machine>('Addresses', 'Addresses of its interfaces.', addressesOf),
    ageColumn,
  ],
  selectableFields: {
    'spec.clusterRef': (object) => (object as Machine).spec.clusterRef ?? '',
    'spec.role': (object) => (object as Machine).spec.role ?? '',
    'status.phase': (object) => (object as Machine).status?.phase ?? '',
    'status.agentId': (object) => (object as Machine).status?.agentId ?? '',
  },
  initialStatus: () => ({ phase: 'Pending', conditions: [] }),
  validate(object, old, look) {
    const { spec } = object as Machine
    const before = (old as Machine | undefined)?.spec
    const causes: FieldCause[] = [
      ...reference(look, 'Cluster', 'spec.clusterRef', spec.clusterRef, before?.clusterRef),
      ...oneWay('spec.revoked', spec.revoked, before?.revoked),
      ...checkLabels(spec.labels, 'spec.labels'),
      ...checkTaints(spec),
      ...checkSsh(object as Machine, old as Machine | undefined, look),
    ]
    if (spec.ipv4 !== undefined && !isIPv4(spec.ipv4)) causes.push(badValue('spec.ipv4', spec.ipv4, 'must be an IPv4 address'))
    if (spec.ipv6 !== undefined && !isIPv6(spec.ipv6)) causes.push(badValue('spec.ipv6', spec.ipv6, 'must be an IPv6 address'))
    return causes
  },
}

function checkTaints({ taints = [] }: MachineSpec): FieldCause[] {
  const causes: FieldCause[] = []
  const seen = new Set<string>()
  for (const [index, { key, value = '', effect }] of taints.entries()) {
    const field = `spec.taints[${index}]`
    if (!isLabelKey(key)) causes.push(badValue(`${field}.key`, key, labelKeyRule))
    if (!isLabelValue(value)) causes.push(badValue(`${field}.value`, value, labelValueRule))
    const identity = `${key}:${effect}`
    if (seen.has(identity))
      causes.push({
        field,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: "${identity}": taints must be unique by key and effect`,
      })
    seen.add(identity)
  }
  return causes
}

function preflightOf({ status }: Machine): string {
  const summary = status?.preflight?.summary
  if (!summary) return 'NotRun'
  if (summary.fail > 0) return `Failed(${summary.fail})`
  if (summary.unknown > 0) return `Unknown(${summary.unknown})`
  return summary.warn > 0 ? `Passed(${summary.warn} warnings)` : 'Passed'
}

/** The machine's own addresses; loopback and link-local ones tell nobody anything. */
function addressesOf({ status }: Machine): string {
  const addresses = (status?.facts?.nics ?? [])
    .flatMap((nic) => nic.addresses)
    .map((address) => address.split('/')[0] ?? '')
    .filter((address) => !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address))
  return [...new Set(addresses)].slice(0, 4).join(',')
}
