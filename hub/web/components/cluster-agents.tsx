// The agents through which the hub reaches a registered cluster's API.
import { Link } from 'react-router'
import type { Machine } from '#shared/contract/machine.ts'
import { patchSpec } from '../api/client.ts'
import { listOf } from '../data/lists.ts'
import { useRole } from '../data/session.ts'
import { machinePhase } from '../derive/machine.ts'
import { ConfirmButton } from './confirm.tsx'
import { Status } from './status.tsx'
import { Age } from './text.tsx'

export function ClusterAgents({ agents, registerTo }: { agents: readonly Machine[]; registerTo: string }) {
  const { canOperate } = useRole()
  return (
    <section aria-labelledby="agents">
      <h2 className="m-section-title m-section-head" id="agents">
        Agent of the cluster
      </h2>
      {agents.length === 0 && (
        <p className="m-dim">
          None has connected. <Link to={registerTo}>Register</Link> makes the command that installs it.
        </p>
      )}
      <ul className="m-gap-small">
        {agents.map((agent) => (
          <li key={agent.metadata.name} className="m-line">
            <Link to={`/machines/${encodeURIComponent(agent.metadata.name)}`}>{agent.metadata.name}</Link>
            <Status state={machinePhase(agent)} />
            <span className="m-dim">
              last heartbeat <Age at={agent.status?.lastHeartbeatTime} suffix="ago" />
            </span>
            <ConfirmButton
              verb="Revoke"
              isSmall
              title={`Revoke the agent ${agent.metadata.name}?`}
              isDisabled={!canOperate}
              run={async () => listOf('machines').put(await patchSpec('machines', agent.metadata.name, { revoked: true }))}
            >
              Its connections end at once, and with them kubectl through this hub; it can never come back with this identity. To reach the
              cluster again, register it again.
            </ConfirmButton>
          </li>
        ))}
      </ul>
    </section>
  )
}
