// The two commands that bring a cluster's agent here, for as long as they are valid. The token in them is in the page's memory only.
import { Alert, Button, ExpandableSection } from '@patternfly/react-core'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Registration as Made } from '#shared/contract/registration.ts'
import { registerCluster } from '../api/client.ts'
import { useNow } from '../data/hooks.ts'
import { useRole } from '../data/session.ts'
import { clusterSteps, wasRead } from '../derive/cluster.ts'
import { formatLeft, formatTime } from '../derive/format.ts'
import { ClusterProgress } from './cluster-progress.tsx'
import { CopyCommand } from './copy-command.tsx'
import { FailureAlert } from './failure-alert.tsx'

function useDownload(text: string): string {
  const url = useMemo(() => URL.createObjectURL(new Blob([text], { type: 'application/yaml' })), [text])
  useEffect(() => () => URL.revokeObjectURL(url), [url])
  return url
}

function Commands({ name, made }: { name: string; made: Made }) {
  const [isShown, setShown] = useState(false)
  const url = useDownload(made.manifest)
  return (
    <>
      <section aria-labelledby="register-kubectl" className="m-stack">
        <h2 className="m-section-title" id="register-kubectl">
          With kubectl, as an admin of the cluster
        </h2>
        <p className="m-dim">
          Installs the agent as one small Deployment in the namespace moorline-system. Where you run it does not matter, as long as its
          kubectl reaches the cluster and it reaches this hub.
        </p>
        <CopyCommand command={made.manifestCommand} label="Command with kubectl" />
        <div className="m-buttons">
          <Button variant="secondary" size="sm" component="a" href={url} download={`${name}-agent.yaml`}>
            Download the manifest
          </Button>
        </div>
        <ExpandableSection
          toggleText={isShown ? 'Hide the manifest' : 'Read the manifest'}
          isExpanded={isShown}
          onToggle={(_event, next) => setShown(next)}
          toggleId="manifest-toggle"
          contentId="manifest-content"
        >
          {isShown && (
            // A box that scrolls must be reachable without a mouse.
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- as above
            <pre className="m-json" aria-label="Manifest" tabIndex={0}>
              {made.manifest}
            </pre>
          )}
        </ExpandableSection>
      </section>
      <section aria-labelledby="register-host" className="m-stack">
        <h2 className="m-section-title" id="register-host">
          Or as root on a control plane host
        </h2>
        <p className="m-dim">
          Installs the agent as a systemd service beside the API server. It stays when the cluster’s own workloads cannot run. One of the
          two commands is enough.
        </p>
        <CopyCommand command={made.hostCommand} label="Command on a host" />
      </section>
    </>
  )
}

function Validity({ made, isOver }: { made: Made; isOver: boolean }) {
  const now = useNow(1_000)
  const left = Date.parse(made.expiresAt) - now.getTime()
  if (isOver) return null
  return (
    <Alert component="h2" variant="warning" isInline isPlain title="The token in them is shown only now">
      It lets one agent in, without another approval. Still valid for{' '}
      <time dateTime={made.expiresAt} title={formatTime(made.expiresAt)} data-left>
        {formatLeft(left)}
      </time>
      , until {formatTime(made.expiresAt)}.
    </Alert>
  )
}

export interface RegistrationProps {
  name: string
  /** Undefined for the moment before it is known. */
  cluster: Cluster | undefined
  /** What was made just before, by the wizard. */
  initial?: Made
  initialError?: unknown
}

export function Registration({ name, cluster, initial, initialError }: RegistrationProps) {
  const { canOperate } = useRole()
  const make = useMutation({ mutationFn: () => registerCluster(name) })
  const now = useNow(1_000)
  const made = make.data ?? initial
  const error = make.error ?? (make.data || make.isPending ? undefined : initialError)
  const isExpired = made !== undefined && Date.parse(made.expiresAt) <= now.getTime()
  const isDone = cluster !== undefined && clusterSteps(cluster)[0]?.isDone === true
  return (
    <div className="m-stack">
      <FailureAlert title="The commands were not made" error={error} />
      <div aria-live="polite">
        {isExpired && !isDone && (
          <Alert component="h2" variant="warning" isInline title="These commands have expired">
            Nobody can register with them any more. Make a new command; what is registered already stays.
          </Alert>
        )}
      </div>
      {/* Above what is copied, so that it is seen to go on. */}
      {cluster && (made || !wasRead(cluster)) && <ClusterProgress cluster={cluster} isWaiting={made !== undefined} />}
      {made && !isExpired && <Commands name={name} made={made} />}
      {made && !isExpired && <Validity made={made} isOver={isDone} />}
      {!made && (
        <p>
          {cluster && wasRead(cluster)
            ? 'This cluster is registered. A new command lets another agent in its place, for example after the first was removed or revoked; the hub checks that it is the same cluster.'
            : 'Makes two commands of which you run one on the cluster: the agent that it installs dials out to this hub, and no port is opened. They are valid for 24 hours.'}
        </p>
      )}
      <div className="m-buttons">
        <Button
          variant={!made || isExpired ? 'primary' : 'link'}
          onClick={() => make.mutate()}
          isLoading={make.isPending}
          isDisabled={!canOperate || make.isPending}
        >
          {made ? 'Make a new command' : 'Make the commands'}
        </Button>
      </div>
      {!canOperate && <p className="m-sub">Registering needs the role operator.</p>}
    </div>
  )
}
