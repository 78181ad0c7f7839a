// The fleet's figures for /metrics, read when somebody asks.
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Presence } from '#hub/controllers/machine/presence.ts'
import type { Gateway } from '#hub/gateway/types.ts'
import type { Metrics } from '#hub/observability/metrics.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Store } from '#hub/store/types.ts'
import type { Tunnels } from '#hub/tunnel/types.ts'

export function observeFleet({
  metrics,
  resources,
  presence,
  gateway,
  store,
  tunnels,
}: {
  metrics: Metrics
  resources: Resources
  presence: Presence
  gateway: Gateway
  store: Store
  tunnels: Tunnels
}): void {
  metrics.gaugeBy('moorline_agents', 'Agents by state.', 'state', () => {
    const machines = resources.list<Machine>('Machine').items
    const connected = [...presence.all()].filter((session) => presence.isAlive(session)).length
    return { connected, pending: machines.filter((machine) => machine.status?.phase === 'Pending').length, total: machines.length }
  })
  metrics.gaugeBy('moorline_tasks', 'Tasks by state.', 'state', () => {
    const counts: Record<string, number> = {}
    for (const task of resources.list<Task>('Task').items) {
      const state = task.status?.state ?? 'Pending'
      counts[state] = (counts[state] ?? 0) + 1
    }
    return counts
  })
  resources.subscribe(({ kind, object, previous }) => {
    if (kind !== 'Task') return
    const state = (object as Task).status?.state
    const before = (previous as Task | undefined)?.status?.state
    if (state && state !== before && isTerminal(state)) metrics.tasksFinished(state)
  })
  metrics.observeResourceVersion(() => store.currentResourceVersion())
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, read)
  gauge('moorline_gateway_nats_connections', 'Control-plane connections of agents that are open.', () => gateway.stats().connections.nats)
  gauge('moorline_gateway_grpc_connections', 'gRPC connections of agents that are open.', () => gateway.stats().connections.grpc)
  gauge(
    'moorline_gateway_waiting_handshakes',
    'Agent connections waiting for their turn to shake hands.',
    () => gateway.stats().waitingHandshakes,
  )
  metrics.counterBy(
    'moorline_gateway_refused_total',
    'Connections that were refused at the port or during their handshake.',
    'reason',
    () => gateway.stats().refused,
  )
  gauge('moorline_gateway_queued_event_bytes', 'Bytes of event batches waiting to be committed.', () => gateway.stats().queuedEventBytes)
  gauge('moorline_tunnel_sessions', 'Tunnel connections of agents that are open.', () => gateway.stats().connections.tunnel)
  gauge('moorline_tunnel_streams', 'Tunnel streams that are open or being opened.', () => tunnels.stats().streams)
  gauge('moorline_tunnel_unread_bytes', 'Bytes that tunnel streams have received and nobody has read.', () => tunnels.stats().unreadBytes)
  gauge('moorline_tunnel_lost', 'Tunnel connections that ended otherwise than by being closed.', () => tunnels.stats().lost)
  gauge('moorline_nats_restarts', 'Times the embedded NATS server was started again.', () => gateway.stats().natsRestarts)
}
