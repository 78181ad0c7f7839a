// Machines that ask for an identity. The decision is the person's: the fingerprint stands large beside the two buttons.
import { Alert, Button } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { patchSpec } from '../api/client.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { plural } from '../derive/format.ts'
import { FailureAlert } from './failure-alert.tsx'
import { Age, Help, Mono, Plain } from './text.tsx'

export function useApproval(name: string) {
  return useMutation({
    mutationFn: (approved: boolean) => patchSpec('machines', name, { approved }),
    onSuccess: (machine) => listOf('machines').put(machine),
  })
}

export function Fingerprint({ value }: { value: string }) {
  return (
    <span className="m-fingerprint">
      <Mono max={160}>{value}</Mono>
    </span>
  )
}

export function ApprovalButtons({ machine }: { machine: Machine }) {
  const decide = useApproval(machine.metadata.name)
  const { canOperate } = useRole()
  return (
    <div className="m-approve">
      <div className="m-buttons">
        <Button
          variant="primary"
          size="sm"
          isDisabled={!canOperate || decide.isPending}
          isLoading={decide.isPending && decide.variables}
          onClick={() => decide.mutate(true)}
          aria-label={`Approve ${machine.metadata.name}`}
        >
          Approve
        </Button>
        <Button
          variant="secondary"
          isDanger
          size="sm"
          isDisabled={!canOperate || decide.isPending}
          onClick={() => decide.mutate(false)}
          aria-label={`Deny ${machine.metadata.name}`}
        >
          Deny
        </Button>
      </div>
      {!canOperate && <p className="m-sub">Approving needs the role operator.</p>}
      <FailureAlert title="The decision was not stored" error={decide.error} />
    </div>
  )
}

function Request({ machine }: { machine: Machine }) {
  const asked = machine.status?.enrollment
  return (
    <li className="m-request">
      <div className="m-request-who">
        <Link to={`/machines/${encodeURIComponent(machine.metadata.name)}`}>{machine.metadata.name}</Link>
        <div className="m-sub">
          <Plain max={128}>{asked?.hostname ?? ''}</Plain>
          {asked?.remoteAddress && (
            <>
              {' from '}
              <Plain max={64}>{asked.remoteAddress}</Plain>
            </>
          )}
          {', '}
          <Age at={asked?.requestedAt} suffix="ago" />
          {machine.spec.clusterRef && ` · ${machine.spec.clusterRef}`}
        </div>
      </div>
      <Fingerprint value={asked?.fingerprint ?? ''} />
      <ApprovalButtons machine={machine} />
    </li>
  )
}

export function Approvals({ machines }: { machines: readonly Machine[] }) {
  if (machines.length === 0) return null
  const shown = machines.slice(0, 20)
  return (
    <Alert
      variant="warning"
      isInline
      component="h2"
      className="m-approvals"
      title={machines.length === 1 ? 'One machine waits for approval' : `${plural(machines.length, 'machine')} wait for approval`}
    >
      <p>
        Compare each fingerprint <Help term="Fingerprint" /> with the one that the agent printed on that machine (
        <code className="m-mono">moorline-agent status</code> shows it again). Approve only when they are the same; deny what you do not
        expect.
      </p>
      <ul>
        {shown.map((machine) => (
          <Request key={machine.metadata.name} machine={machine} />
        ))}
      </ul>
      {machines.length > shown.length && <p>{plural(machines.length - shown.length, 'more machine')} below, with the phase Pending.</p>}
    </Alert>
  )
}
