// The machines that use a token, as they appear: asked, approved, connected, checked.
import { Alert, Spinner } from '@patternfly/react-core'
import { useMemo } from 'react'
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { useList } from '../data/hooks.ts'
import { type JoinStage, joinStage } from '../derive/join.ts'
import { createdAt, newestFirst } from '../derive/task.ts'
import { ApprovalButtons, Fingerprint } from './approvals.tsx'
import { MachinePreflight } from './machine-preflight.tsx'
import { Steps } from './steps.tsx'
import { Help, Plain } from './text.tsx'

const stages = [
  ['asked', 'Asks to join', 'Asked to join'],
  ['approved', 'Approval', 'Approved'],
  ['connected', 'Connects', 'Connected'],
  ['checked', 'Preflight', 'Preflight done'],
] as const

function Joining({ machine, isNewest }: { machine: Machine; isNewest: boolean }) {
  const stage = joinStage(machine)
  const { items } = useList('tasks')
  const { name } = machine.metadata
  const tasks = useMemo(() => newestFirst(items.filter((task) => task.spec.machine === name)), [items, name])
  const reached = stages.findIndex(([id]) => id === stage)
  const asked = machine.status?.enrollment
  const hasPreflight = stage === 'checked' || tasks.some((task) => task.spec.action === 'preflight')
  return (
    <li className="m-joining" data-stage={stage}>
      <h3 className="m-section-title">
        <Link to={`/machines/${encodeURIComponent(name)}`}>{name}</Link>{' '}
        <span className="m-sub">
          <Plain max={128}>{asked?.hostname ?? ''}</Plain> {asked?.remoteAddress && <Plain max={64}>{`from ${asked.remoteAddress}`}</Plain>}
        </span>
      </h3>
      {stage === 'refused' ? (
        <Alert component="h2" variant="warning" isInline isPlain title="This machine was denied">
          It gets no identity. Delete it and create a new token to let it ask again.
        </Alert>
      ) : (
        <Steps
          label={`Progress of ${name}`}
          of={name}
          steps={stages.map(([id, title, doneTitle], index) => ({ id, title, doneTitle, isDone: index <= reached }))}
        />
      )}
      {stage === 'asked' && asked && machine.spec.approved === undefined && (
        <div className="m-request">
          <div>
            The machine printed its fingerprint <Help term="Fingerprint" /> below the command. Approve only when it is exactly this:
          </div>
          <Fingerprint value={asked.fingerprint} />
          <ApprovalButtons machine={machine} />
        </div>
      )}
      {isNewest && hasPreflight && <MachinePreflight machine={machine} tasks={tasks} />}
    </li>
  )
}

function stageTitle(stage: JoinStage | undefined): string {
  if (stage === undefined) return 'Waiting for the machine to ask'
  return {
    asked: 'A machine asks to join',
    approved: 'Approved, waiting for it to connect',
    connected: 'Connected, its preflight runs',
    checked: 'Joined',
    refused: 'Denied',
  }[stage]
}

export function JoinLive({ token, uses }: { token: string; uses: number }) {
  const { items } = useList('machines')
  const machines = useMemo(
    () =>
      items.filter((machine) => machine.status?.enrollment?.joinToken === token).sort((a, b) => createdAt(b).localeCompare(createdAt(a))),
    [items, token],
  )
  const isWaiting = machines.length < uses
  return (
    <section aria-labelledby="join-live" className="m-stack">
      <div aria-live="polite">
        <h2 className="m-section-title m-waiting" id="join-live">
          {isWaiting && machines.length === 0 && <Spinner size="md" aria-label="Waiting" />}{' '}
          {stageTitle(machines[0] && joinStage(machines[0]))}
        </h2>
      </div>
      {machines.length === 0 && (
        <p className="m-dim">
          It appears here by itself, a few seconds after the command was started. Nothing happens? The machine must reach this hub on its
          one port, directly or through the proxy in https_proxy; the command says what it could not reach.
        </p>
      )}
      <ul className="m-stack">
        {machines.slice(0, 20).map((machine, index) => (
          <Joining key={machine.metadata.name} machine={machine} isNewest={index === 0} />
        ))}
      </ul>
      {machines.length > 20 && <Link to="/machines">All {machines.length} machines of this token</Link>}
    </section>
  )
}
