// Nodes as a cluster lists them, and what of them a status keeps. What a cluster says is cut to what may be stored and shown. Pure.
import Type, { type Static } from 'typebox'
import type { ClusterNode, ClusterStatus } from '#shared/contract/cluster.ts'
import { plainLine } from '#shared/schema/plain-line.ts'
import { parseQuantity, whole } from './quantity.ts'

const text = Type.Optional(Type.String({ maxLength: 65_536 }))
const strings = Type.Optional(Type.Record(Type.String(), Type.Unknown()))
const NodeObject = Type.Object({
  metadata: Type.Object({ name: Type.String({ minLength: 1, maxLength: 253 }), labels: strings }),
  spec: Type.Optional(Type.Object({ unschedulable: Type.Optional(Type.Boolean()) })),
  status: Type.Optional(
    Type.Object({
      conditions: Type.Optional(
        Type.Array(Type.Object({ type: Type.String(), status: Type.String(), reason: text, message: text }), { maxItems: 1000 }),
      ),
      addresses: Type.Optional(Type.Array(Type.Object({ address: Type.String() }), { maxItems: 1000 })),
      nodeInfo: Type.Optional(Type.Object({ kubeletVersion: text, osImage: text })),
      capacity: strings,
      allocatable: strings,
    }),
  ),
})
export type NodeObject = Static<typeof NodeObject>

export const NodeListPage = Type.Object({
  metadata: Type.Optional(Type.Object({ continue: Type.Optional(Type.String({ maxLength: 16_384 })) })),
  items: Type.Union([Type.Array(NodeObject, { maxItems: 10_000 }), Type.Null()]),
})

const pressures: ReadonlySet<string> = new Set(['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'])
const rolePrefix = 'node-role.kubernetes.io/'

export function clusterNode({ metadata, spec, status }: NodeObject): ClusterNode {
  const conditions = status?.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const isReady = ready?.status === 'True'
  const problems = conditions
    .filter(({ type, status: value }) => pressures.has(type) && value === 'True')
    .map(({ type, message }) => `${type}: ${message ?? ''}`)
  if (!isReady) problems.unshift(`Not ready: ${ready?.message || ready?.reason || 'the kubelet has never reported'}`)
  const roles = Object.keys(metadata.labels ?? {})
    .filter((label) => label.startsWith(rolePrefix) && label.length > rolePrefix.length)
    .map((label) => plainLine(label.slice(rolePrefix.length), 63))
  const os = plainLine(status?.nodeInfo?.osImage ?? '', 256)
  return {
    name: plainLine(metadata.name, 253),
    isReady,
    isSchedulable: spec?.unschedulable !== true,
    roles: roles.sort().slice(0, 16),
    version: plainLine(status?.nodeInfo?.kubeletVersion ?? '', 64),
    addresses: (status?.addresses ?? []).slice(0, 16).map(({ address }) => plainLine(address, 64)),
    ...(os && { os }),
    problems: problems.slice(0, 16).map((problem) => plainLine(problem, 512)),
  }
}

/** Added node by node, so that no more than a page of what the cluster sent is held. */
export interface CapacitySum {
  add(node: NodeObject): void
  total(): NonNullable<ClusterStatus['capacity']>
}

export function sumCapacity(): CapacitySum {
  const sum = { cpuMillicores: 0, memoryBytes: 0, pods: 0, allocatableCpuMillicores: 0, allocatableMemoryBytes: 0 }
  return {
    add({ status }) {
      const { capacity = {}, allocatable = {} } = status ?? {}
      sum.cpuMillicores += (parseQuantity(capacity.cpu) ?? 0) * 1000
      sum.memoryBytes += parseQuantity(capacity.memory) ?? 0
      sum.pods += parseQuantity(capacity.pods) ?? 0
      sum.allocatableCpuMillicores += (parseQuantity(allocatable.cpu) ?? 0) * 1000
      sum.allocatableMemoryBytes += parseQuantity(allocatable.memory) ?? 0
    },
    total: () => ({
      cpuMillicores: whole(sum.cpuMillicores),
      memoryBytes: whole(sum.memoryBytes),
      pods: whole(sum.pods),
      allocatableCpuMillicores: whole(sum.allocatableCpuMillicores),
      allocatableMemoryBytes: whole(sum.allocatableMemoryBytes),
    }),
  }
}
