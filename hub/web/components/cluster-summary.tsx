// The head of a cluster's page: which cluster this is, how large, how well, and how the hub reaches it.
import { Link } from 'react-router'
import type { Cluster } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import { formatBytes, formatCount } from '../derive/format.ts'
import { Pairs } from './facts.tsx'
import { Status } from './status.tsx'
import { Age, Dim, Mono, Plain } from './text.tsx'

const cores = (millicores: number) => formatCount(Math.round(millicores / 100) / 10)

function Capacity({ cluster }: { cluster: Cluster }) {
  const capacity = cluster.status?.capacity
  if (!capacity) return <Dim>not read yet</Dim>
  return (
    <>
      {cores(capacity.cpuMillicores)} CPUs, {formatBytes(capacity.memoryBytes)}, {formatCount(capacity.pods)} pods
      <div className="m-sub">
        allocatable {cores(capacity.allocatableCpuMillicores)} CPUs, {formatBytes(capacity.allocatableMemoryBytes)}
      </div>
    </>
  )
}

function Version({ cluster }: { cluster: Cluster }) {
  const { version, conditions } = cluster.status ?? {}
  if (!version) return <Dim>not read yet</Dim>
  const supported = findCondition(conditions, 'VersionSupported')
  return (
    <>
      <Plain max={64}>{version}</Plain>
      {supported?.status === 'False' && (
        <div>
          <Status state="warning">not supported</Status>
        </div>
      )}
    </>
  )
}

export function NodeCount({ cluster }: { cluster: Cluster }) {
  const nodes = cluster.status?.nodes
  if (!nodes) return <Dim>not read yet</Dim>
  return (
    <Status state={nodes.total > 0 && nodes.ready === nodes.total ? 'passed' : 'failed'}>
      {formatCount(nodes.ready)} of {formatCount(nodes.total)} ready
    </Status>
  )
}

export function ClusterSummary({ cluster }: { cluster: Cluster }) {
  const { spec, status } = cluster
  const isImported = spec.type === 'Imported'
  return (
    <Pairs
      pairs={[
        ['Type', spec.type, isImported ? 'Imported' : spec.type === 'Registered' ? 'Registered' : undefined],
        ['Version', <Version key="version" cluster={cluster} />],
        ['Nodes', <NodeCount key="nodes" cluster={cluster} />],
        ['Capacity', <Capacity key="capacity" cluster={cluster} />, 'Capacity'],
        ['Platform', status?.platform ? <Plain max={64}>{status.platform}</Plain> : undefined],
        ['kube-system UID', status?.kubeSystemUID ? <Mono max={64}>{status.kubeSystemUID}</Mono> : undefined, 'kube-system UID'],
        ['Last read', status?.observedAt ? <Age key="read" at={status.observedAt} suffix="ago" /> : undefined, 'Last read'],
        ...(isImported
          ? ([
              ['Address', spec.apiServer ? <Mono max={512}>{spec.apiServer}</Mono> : <Dim>that of the kubeconfig</Dim>],
              ['Proxy', spec.proxy ? <Mono max={512}>{spec.proxy.url}</Mono> : <Dim>none</Dim>],
              [
                'Credential',
                spec.credentialRef ? (
                  <Link to={`/credentials?q=${encodeURIComponent(spec.credentialRef)}`}>{spec.credentialRef}</Link>
                ) : undefined,
                'Credential',
              ],
            ] as const)
          : []),
        ['Display name', spec.displayName ? <Plain max={128}>{spec.displayName}</Plain> : undefined],
        ['Created', <Age key="created" at={cluster.metadata.creationTimestamp} suffix="ago" />],
      ]}
    />
  )
}
