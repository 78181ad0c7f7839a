// One cluster: whether the hub reaches it and why not, its nodes and components, and the ways in.
import { Alert, Button, Tab, Tabs, TabTitleText } from '@patternfly/react-core'
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import { useMemo } from 'react'
import { Link, useNavigate, useParams, useSearchParams } from 'react-router'
import type { Cluster } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { deleteObject } from '../api/client.ts'
import { Approvals } from '../components/approvals.tsx'
import { ClusterKubectl } from '../components/cluster-kubectl.tsx'
import { ClusterSummary } from '../components/cluster-summary.tsx'
import { ClusterAgents } from '../components/cluster-agents.tsx'
import { ComponentsTable } from '../components/components-table.tsx'
import { Conditions } from '../components/conditions.tsx'
import { ConfirmButton } from '../components/confirm.tsx'
import { NodesTable } from '../components/nodes-table.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { ReplaceCredential } from '../components/replace-credential.tsx'
import { StatusLabel } from '../components/status.tsx'
import { Plain } from '../components/text.tsx'
import { useList, useObject } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { clusterPhase, clusterProblem, clusterRemedy, clusterTrouble, isClusterAgent, wasRead } from '../derive/cluster.ts'
import { isTroubled } from '../derive/conditions.ts'
import { plural } from '../derive/format.ts'
import { isAwaitingApproval } from '../derive/machine.ts'
import { MachineTable } from './machines.tsx'

const parent = ['Clusters', '/clusters'] as const

export function ClusterPage() {
  const { name = '' } = useParams()
  const { object: cluster, isMissing, failure } = useObject('clusters', name)
  if (cluster) return <Loaded key={cluster.metadata.uid} cluster={cluster} />
  return (
    <PageFrame title={name} parent={parent}>
      {failure ? (
        <Failed what="The cluster cannot be shown" failure={failure} />
      ) : isMissing ? (
        <Nothing title="There is no cluster of this name" action={<Link to="/clusters">All clusters</Link>}>
          It may have been deleted.
        </Nothing>
      ) : (
        <Loading what="the cluster" />
      )}
    </PageFrame>
  )
}

function linkButton(to: string, label: string, variant: 'primary' | 'secondary' = 'secondary') {
  return (
    <Button variant={variant} component={(props: object) => <Link {...props} to={to} />}>
      {label}
    </Button>
  )
}

/** What a person should know before anything else: at most the one that explains the others, and an end that is near. */
function Troubles({ cluster }: { cluster: Cluster }) {
  const problem = clusterProblem(cluster)
  const expiring = findCondition(cluster.status?.conditions, 'CredentialExpiring')
  const shown = [problem, expiring && expiring !== problem && isTroubled(expiring) ? expiring : undefined]
  return shown
    .filter((condition) => condition !== undefined)
    .map((condition) => (
      <Alert
        key={condition.type}
        component="h2"
        variant={['SameCluster', 'CredentialValid'].includes(condition.type) ? 'danger' : wasRead(cluster) ? 'warning' : 'info'}
        isInline
        title={<Plain max={128}>{clusterTrouble(cluster, condition)}</Plain>}
        data-trouble={condition.type}
      >
        <p>
          <Plain max={1024}>{condition.message}</Plain>{' '}
          <span className="m-dim">
            (<Plain max={128}>{condition.reason}</Plain>)
          </span>
        </p>
        {clusterRemedy(cluster, condition) && <p>{clusterRemedy(cluster, condition)}</p>}
      </Alert>
    ))
}

function DeleteCluster({ cluster, machines }: { cluster: Cluster; machines: readonly Machine[] }) {
  const { name } = cluster.metadata
  const { canOperate } = useRole()
  const navigate = useNavigate()
  const isImported = cluster.spec.type === 'Imported'
  return (
    <ConfirmButton
      verb="Delete"
      title={`Delete the cluster ${name}?`}
      typed={name}
      isDisabled={!canOperate}
      run={() => deleteObject('clusters', name)}
      onDone={() => void navigate('/clusters')}
    >
      The record of this cluster ends here, and kubectl through this hub with it.{' '}
      {machines.length > 0 && `Its ${plural(machines.length, 'machine')} must leave it first, or the hub refuses. `}
      {isImported
        ? `Nothing is changed in the cluster itself. The credential ${cluster.spec.credentialRef ?? ''} stays; delete it under Credentials when nothing else uses it.`
        : 'Nothing is changed in the cluster itself: its agent stays until you remove it there (kubectl delete namespace moorline-system, or moorline-agent leave on its host).'}
    </ConfirmButton>
  )
}

function ReplaceIts({ name }: { name: string }) {
  const credential = useList('credentials').byName.get(name)
  return credential ? <ReplaceCredential name={name} type={credential.spec.type} label="Replace credential" /> : null
}

function Loaded({ cluster }: { cluster: Cluster }) {
  const { name } = cluster.metadata
  const { spec, status } = cluster
  const [params, setParams] = useSearchParams()
  const { items } = useList('machines')
  const { canOperate } = useRole()
  const machines = useMemo(() => items.filter((machine) => machine.spec.clusterRef === name), [items, name])
  const agents = machines.filter(isClusterAgent)
  const isRegistered = spec.type === 'Registered'
  const tab = params.get('tab') ?? (wasRead(cluster) ? 'nodes' : 'conditions')
  const registerTo = `/clusters/${encodeURIComponent(name)}/register`
  const unhealthy = status?.components?.filter(({ isHealthy }) => !isHealthy).length ?? 0
  const joinTo = `/join?cluster=${encodeURIComponent(name)}`
  return (
    <PageFrame
      title={name}
      parent={parent}
      badge={<StatusLabel state={clusterPhase(cluster)} of="cluster" />}
      description={spec.description ? <Plain max={1024}>{spec.description}</Plain> : undefined}
      actions={
        <>
          {isRegistered &&
            canOperate &&
            (wasRead(cluster) ? linkButton(registerTo, 'Register again') : linkButton(registerTo, 'Register', 'primary'))}
          {wasRead(cluster) && (
            <Button variant="primary" onClick={() => setParams({ tab: 'kubectl' }, { replace: true })}>
              Use kubectl
            </Button>
          )}
          {spec.credentialRef !== undefined && canOperate && <ReplaceIts name={spec.credentialRef} />}
          {linkButton(joinTo, 'Join a machine')}
          <DeleteCluster cluster={cluster} machines={machines} />
        </>
      }
    >
      <Troubles cluster={cluster} />
      <ClusterSummary cluster={cluster} />
      <Approvals machines={machines.filter(isAwaitingApproval)} />
      <Tabs
        activeKey={tab}
        onSelect={(_event, key) => setParams({ tab: String(key) }, { replace: true })}
        aria-label="Details of the cluster"
        mountOnEnter
        unmountOnExit
      >
        <Tab eventKey="nodes" title={<TabTitleText>{`Nodes${status?.nodes ? ` ${status.nodes.total}` : ''}`}</TabTitleText>}>
          <div className="m-tab">
            <NodesTable cluster={cluster} />
          </div>
        </Tab>
        <Tab eventKey="components" title={<TabTitleText>{`Components${unhealthy > 0 ? `, ${unhealthy} unhealthy` : ''}`}</TabTitleText>}>
          <ComponentsTable cluster={cluster} />
        </Tab>
        <Tab eventKey="conditions" title={<TabTitleText>Conditions</TabTitleText>}>
          <Conditions conditions={status?.conditions} remedyOf={(condition) => clusterRemedy(cluster, condition)} />
        </Tab>
        <Tab eventKey="machines" title={<TabTitleText>{`Machines ${machines.length}`}</TabTitleText>}>
          <div className="m-tab">
            {isRegistered && <ClusterAgents agents={agents} registerTo={registerTo} />}
            <MachineTable
              rows={machines}
              isOfCluster
              empty={
                <Nothing
                  isSmall
                  title="No machine belongs to this cluster yet"
                  icon={ServerIcon}
                  action={linkButton(joinTo, 'Join a machine')}
                >
                  Join one with a single command on it.
                </Nothing>
              }
            />
          </div>
        </Tab>
        <Tab eventKey="kubectl" title={<TabTitleText>kubectl</TabTitleText>}>
          <div className="m-tab">
            <ClusterKubectl cluster={cluster} />
          </div>
        </Tab>
      </Tabs>
    </PageFrame>
  )
}
