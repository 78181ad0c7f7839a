// A new cluster as it comes: which step it is at, and what it waits for.
import { Alert, Spinner } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { Cluster } from '#shared/contract/cluster.ts'
import { clusterProblem, clusterRemedy, clusterSteps, clusterTrouble } from '../derive/cluster.ts'
import { plural } from '../derive/format.ts'
import { Steps } from './steps.tsx'
import { Plain } from './text.tsx'

export interface ClusterProgressProps {
  cluster: Cluster
  /** Something is on its way, so that it is worth waiting here. */
  isWaiting?: boolean
}

export function ClusterProgress({ cluster, isWaiting = true }: ClusterProgressProps) {
  const { name } = cluster.metadata
  const steps = clusterSteps(cluster)
  const current = steps.find(({ isDone }) => !isDone)
  const hasBegun = steps[0]?.isDone === true
  const problem = clusterProblem(cluster)
  const { version, nodes } = cluster.status ?? {}
  const remedy = problem && clusterRemedy(cluster, problem)
  return (
    <section aria-labelledby="cluster-progress" className="m-stack" data-step={current?.id ?? 'done'}>
      <div aria-live="polite">
        <h2 className="m-section-title m-waiting" id="cluster-progress">
          {current && (isWaiting || hasBegun) && <Spinner size="md" aria-label="Waiting" />}{' '}
          {current ? waitsFor[current.id] : 'The cluster is ready'}
        </h2>
      </div>
      <Steps label={`Progress of ${name}`} of="cluster-step" steps={steps} />
      {hasBegun && (version || nodes) && (
        <p>
          {version && <Plain max={64}>{`Kubernetes ${version}`}</Plain>}
          {nodes && `, ${plural(nodes.ready, 'node')} of ${nodes.total} ready`}
        </p>
      )}
      {hasBegun && current && problem && (
        <Alert component="h3" variant="info" isInline isPlain title={<Plain max={128}>{clusterTrouble(cluster, problem)}</Plain>}>
          <Plain max={1024}>{problem.message}</Plain> {remedy}
        </Alert>
      )}
      {!current && (
        <p>
          <Link to={`/clusters/${encodeURIComponent(name)}?tab=kubectl`}>Use kubectl on it</Link>, or{' '}
          <Link to={`/clusters/${encodeURIComponent(name)}`}>look at its nodes</Link>.
        </p>
      )}
    </section>
  )
}

const waitsFor: Readonly<Record<string, string>> = {
  connected: 'Waiting for the agent to connect',
  reached: 'Waiting for the API server to answer',
  version: 'Connected, reading the version',
  nodes: 'Reading the nodes',
  ready: 'Waiting for the cluster to be ready',
}
