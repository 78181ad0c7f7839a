// The head of a machine's page: belonging, reachability per plane, identity.
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { useNow } from '../data/hooks.ts'
import { formatDuration, formatMicroseconds, formatTime } from '../derive/format.ts'
import { certificateLeftMs, certificateWarningMs, disconnectedReason, machineAddress } from '../derive/machine.ts'
import { Pairs } from './facts.tsx'
import { Status } from './status.tsx'
import { Age, Dim, Mono, Plain } from './text.tsx'

function Planes({ machine }: { machine: Machine }) {
  const { planes, phase } = machine.status ?? {}
  if (!planes?.length) return <Dim>{phase === 'Pending' ? 'not connected yet' : 'none reported'}</Dim>
  return (
    <ul className="m-planes">
      {planes.map((plane) => (
        <li key={plane.name}>
          <Status state={plane.ok ? 'passed' : 'failed'}>
            <Plain max={32}>{plane.name}</Plain>
          </Status>{' '}
          {plane.ok && plane.roundTripMicroseconds !== undefined && <Dim>{formatMicroseconds(plane.roundTripMicroseconds)}</Dim>}
          {!plane.ok && <Plain max={160}>{plane.reason ?? 'no answer'}</Plain>}
        </li>
      ))}
    </ul>
  )
}

function Certificate({ machine }: { machine: Machine }) {
  const now = useNow(60_000)
  const left = certificateLeftMs(machine, now)
  if (left === undefined) return <Dim>none yet</Dim>
  const state = left <= 0 ? 'failed' : left < certificateWarningMs ? 'warning' : 'passed'
  const { notAfter, serial } = machine.status?.certificate ?? {}
  return (
    <>
      <Status state={state}>{left <= 0 ? `expired ${formatDuration(-left)} ago` : `${formatDuration(left)} left`}</Status>
      <div className="m-sub">
        until {formatTime(notAfter)}, serial <Mono max={64}>{serial}</Mono>
      </div>
    </>
  )
}

function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  const entries = Object.entries(labels)
  if (entries.length === 0) return <Dim>–</Dim>
  return (
    <ul className="m-labels">
      {entries.map(([key, value]) => (
        <li key={key}>
          <Mono max={128}>{`${key}=${value}`}</Mono>
        </li>
      ))}
    </ul>
  )
}

export function MachineSummary({ machine }: { machine: Machine }) {
  const { spec, status } = machine
  const reason = status?.phase === 'Disconnected' ? disconnectedReason(machine) : ''
  return (
    <Pairs
      pairs={[
        ['Cluster', spec.clusterRef ? <Link to={`/clusters/${encodeURIComponent(spec.clusterRef)}`}>{spec.clusterRef}</Link> : undefined],
        ['Role', spec.role === 'controlPlane' ? 'Control plane' : spec.role === 'worker' ? 'Worker' : undefined, 'Role'],
        ['Address', <Plain key="address">{machineAddress(machine) || '–'}</Plain>],
        ['Planes', <Planes key="planes" machine={machine} />, 'Plane'],
        [
          'Last heartbeat',
          <span key="heartbeat">
            <Age at={status?.lastHeartbeatTime} suffix="ago" />
            {reason && (
              <div className="m-sub">
                <Plain max={240}>{reason}</Plain>
              </div>
            )}
          </span>,
        ],
        ['Certificate', <Certificate key="certificate" machine={machine} />, 'Certificate'],
        [
          'Agent',
          status?.agentVersion ? (
            <>
              <Plain max={64}>{status.agentVersion}</Plain>
              <div className="m-sub">
                <Mono max={64}>{status.agentId}</Mono>
              </div>
            </>
          ) : undefined,
          'Agent id',
        ],
        [
          'Allowed actions',
          status?.allowedActions ? <Plain key="actions">{status.allowedActions.join(', ') || 'none'}</Plain> : undefined,
          'Allowed actions',
        ],
        ['Labels', <Labels key="labels" labels={{ ...machine.metadata.labels, ...spec.labels }} />],
      ]}
    />
  )
}
