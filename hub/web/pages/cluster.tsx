import { Button, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core'
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import { useMemo } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { deleteObject } from '../api/client.ts'
import { Approvals } from '../components/approvals.tsx'
import { Conditions } from '../components/conditions.tsx'
import { ConfirmButton } from '../components/confirm.tsx'
import { Failed, Loading, Nothing, PageFrame } from '../components/page.tsx'
import { StatusLabel } from '../components/status.tsx'
import { Age, Help, Plain } from '../components/text.tsx'
import { useList, useObject } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { plural } from '../derive/format.ts'
import { isAwaitingApproval } from '../derive/machine.ts'
import { MachineTable } from './machines.tsx'

const parent = ['Clusters', '/clusters'] as const

export function ClusterPage() {
  const { name = '' } = useParams()
  const { object: cluster, isMissing, failure } = useObject('clusters', name)
  const { items } = useList('machines')
  const { canOperate } = useRole()
  const navigate = useNavigate()
  const machines = useMemo(() => items.filter((machine) => machine.spec.clusterRef === name), [items, name])
  if (failure)
    return (
      <PageFrame title={name} parent={parent}>
        <Failed what="The cluster cannot be shown" failure={failure} />
      </PageFrame>
    )
  if (!cluster)
    return (
      <PageFrame title={name} parent={parent}>
        {isMissing ? (
          <Nothing title="There is no cluster of this name" action={<Link to="/clusters">All clusters</Link>}>
            It may have been deleted.
          </Nothing>
        ) : (
          <Loading what="the cluster" />
        )}
      </PageFrame>
    )
  const join = (
    <Button variant="primary" component={(props: object) => <Link {...props} to={`/join?cluster=${encodeURIComponent(name)}`} />}>
      Join a machine
    </Button>
  )
  return (
    <PageFrame
      title={cluster.metadata.name}
      parent={parent}
      badge={<StatusLabel state={cluster.metadata.deletionTimestamp ? 'Deleting' : (cluster.status?.phase ?? 'Pending')} of="cluster" />}
      description={cluster.spec.description ? <Plain max={1024}>{cluster.spec.description}</Plain> : undefined}
      actions={
        <>
          {join}
          <ConfirmButton
            verb="Delete"
            title={`Delete the cluster ${name}?`}
            typed={name}
            isDisabled={!canOperate}
            run={() => deleteObject('clusters', name)}
            onDone={() => void navigate('/clusters')}
          >
            The record of this cluster ends here.{' '}
            {machines.length > 0 && `Its ${plural(machines.length, 'machine')} must leave it first, or the hub refuses. `}
            Nothing is changed on the machines or in the cluster itself.
          </ConfirmButton>
        </>
      }
    >
      <DescriptionList isCompact isHorizontal columnModifier={{ lg: '3Col' }}>
        <DescriptionListGroup>
          <DescriptionListTerm>Type {cluster.spec.type === 'Registered' && <Help term="Registered" />}</DescriptionListTerm>
          <DescriptionListDescription>{cluster.spec.type}</DescriptionListDescription>
        </DescriptionListGroup>
        <DescriptionListGroup>
          <DescriptionListTerm>Display name</DescriptionListTerm>
          <DescriptionListDescription>
            <Plain max={128}>{cluster.spec.displayName ?? '–'}</Plain>
          </DescriptionListDescription>
        </DescriptionListGroup>
        <DescriptionListGroup>
          <DescriptionListTerm>Created</DescriptionListTerm>
          <DescriptionListDescription>
            <Age at={cluster.metadata.creationTimestamp} suffix="ago" />
          </DescriptionListDescription>
        </DescriptionListGroup>
      </DescriptionList>
      <Approvals machines={machines.filter(isAwaitingApproval)} />
      <section aria-labelledby="conditions">
        <h2 className="m-section-title m-section-head" id="conditions">
          Conditions
        </h2>
        <Conditions conditions={cluster.status?.conditions} />
      </section>
      <section aria-labelledby="machines">
        <h2 className="m-section-title m-section-head" id="machines">
          Machines
        </h2>
        <MachineTable
          rows={machines}
          isOfCluster
          empty={
            <Nothing isSmall title="No machine belongs to this cluster yet" icon={ServerIcon} action={join}>
              Join one with a single command on it.
            </Nothing>
          }
        />
      </section>
    </PageFrame>
  )
}
