// The list "needs attention": everything that waits for a person, most urgent first. Pure.
import type { Cluster } from '#shared/contract/cluster.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { clusterProblem, wasRead } from './cluster.ts'
import { isTroubled } from './conditions.ts'
import { formatDuration, plural } from './format.ts'
import {
  certificateLeftMs,
  certificateWarningMs,
  disconnectedReason,
  isAwaitingApproval,
  machinePhase,
  machineTitle,
  preflightVerdict,
} from './machine.ts'
import { createdAt, isBadEnd, newestFirst, taskState } from './task.ts'

export interface AttentionItem {
  key: string
  severity: 'danger' | 'warning' | 'info'
  /** What it is about, in a word or two. */
  topic: string
  subject: string
  detail: string
  since: string
  /** Path inside the dashboard. */
  to: string
  action: string
}

/** Failures older than this have been seen or do not matter. */
const recentFailureMs = 24 * 3600 * 1000
const order = { danger: 0, warning: 1, info: 2 } as const

function ofMachine(machine: Machine, now: Date): AttentionItem[] {
  const items: AttentionItem[] = []
  const { name } = machine.metadata
  const to = `/machines/${encodeURIComponent(name)}`
  const add = (item: Pick<AttentionItem, 'severity' | 'topic' | 'detail' | 'action'> & Partial<AttentionItem>) =>
    items.push({ key: `${item.topic}/${name}`, subject: machineTitle(machine), since: '', to, ...item })
  const phase = machinePhase(machine)
  if (phase === 'Denied' || phase === 'Revoked') return items
  if (isAwaitingApproval(machine)) {
    const asked = machine.status?.enrollment
    add({
      severity: 'warning',
      topic: 'Approval',
      detail: `Asks to join from ${asked?.remoteAddress ?? asked?.hostname ?? 'an unknown address'}; compare the fingerprint`,
      since: asked?.requestedAt ?? '',
      action: 'Review',
    })
    return items
  }
  if (phase === 'Disconnected') {
    const since = machine.status?.lastHeartbeatTime ?? ''
    add({ severity: 'danger', topic: 'Disconnected', detail: disconnectedReason(machine) || 'No heartbeat', since, action: 'Diagnose' })
  }
  for (const condition of machine.status?.conditions ?? [])
    if (condition.type === 'IdentityUnique' && condition.status === 'False')
      add({ severity: 'danger', topic: 'Identity', detail: condition.message, since: condition.lastTransitionTime, action: 'Diagnose' })
  const verdict = preflightVerdict(machine)
  const preflight = machine.status?.preflight
  if (preflight && (verdict === 'failed' || verdict === 'unknown')) {
    const { fail, unknown } = preflight.summary
    const parts = [fail > 0 ? `${plural(fail, 'check')} failed` : '', unknown > 0 ? `${plural(unknown, 'check')} could not run` : '']
    add({
      severity: verdict === 'failed' ? 'danger' : 'warning',
      topic: 'Preflight',
      detail: parts.filter(Boolean).join(', '),
      since: preflight.finishedAt,
      to: `${to}?tab=preflight`,
      action: 'See checks',
    })
  }
  const left = certificateLeftMs(machine, now)
  const overdue = machine.status?.conditions?.find(({ type, reason }) => type === 'CertificateValid' && reason === 'RenewalOverdue')
  if (left !== undefined && (left < certificateWarningMs || overdue))
    add({
      severity: left <= 0 ? 'danger' : 'warning',
      topic: 'Certificate',
      detail:
        left <= 0
          ? 'The agent’s certificate has expired'
          : `The agent’s certificate expires in ${formatDuration(left)} and was not renewed`,
      since: left <= 0 ? (machine.status?.certificate?.notAfter ?? '') : (overdue?.lastTransitionTime ?? ''),
      action: 'Diagnose',
    })
  return items
}

const clusterTopics: Readonly<Record<string, { topic: string; severity: AttentionItem['severity']; action: string }>> = {
  SameCluster: { topic: 'Other cluster', severity: 'danger', action: 'Diagnose' },
  CredentialValid: { topic: 'Credential', severity: 'danger', action: 'Replace' },
  Connected: { topic: 'Not reached', severity: 'danger', action: 'Diagnose' },
  Healthy: { topic: 'Health', severity: 'warning', action: 'Diagnose' },
  CredentialExpiring: { topic: 'Credential', severity: 'warning', action: 'Replace' },
}

/** What keeps a cluster from being well, once; a cluster that has never been read waits for its owner, which its own page says. */
function ofCluster(cluster: Cluster): AttentionItem[] {
  if (!wasRead(cluster)) return []
  const problem = clusterProblem(cluster)
  const expiring = findCondition(cluster.status?.conditions, 'CredentialExpiring')
  const { name } = cluster.metadata
  return [...new Set([problem, expiring])].flatMap((condition) => {
    const known = condition && isTroubled(condition) ? clusterTopics[condition.type] : undefined
    if (!condition || !known) return []
    const to = `/clusters/${encodeURIComponent(name)}?tab=conditions`
    const since = condition.lastTransitionTime
    return [{ ...known, key: `${condition.type}/${name}`, subject: cluster.spec.displayName || name, detail: condition.message, since, to }]
  })
}

/** Failed tasks of the last day, without those whose same action has since gone well on the same machine. */
function ofTasks(tasks: readonly Task[], now: Date): AttentionItem[] {
  const latest = new Map<string, Task>()
  for (const task of newestFirst(tasks)) {
    const key = `${task.spec.machine}/${task.spec.action}`
    if (!latest.has(key)) latest.set(key, task)
  }
  return [...latest.values()]
    .filter((task) => isBadEnd(task) && now.getTime() - Date.parse(task.status?.finishedAt ?? createdAt(task)) < recentFailureMs)
    .map((task) => ({
      key: `Task/${task.metadata.name}`,
      severity: 'danger',
      topic: taskState(task) === 'TimedOut' ? 'Task timed out' : 'Task failed',
      subject: `${task.spec.action} on ${task.spec.machine}`,
      detail: task.status?.message || task.status?.reason || 'No reason was given',
      since: task.status?.finishedAt ?? createdAt(task),
      to: `/tasks/${encodeURIComponent(task.metadata.name)}`,
      action: 'Open log',
    }))
}

export function attention(
  machines: readonly Machine[],
  tasks: readonly Task[],
  now: Date,
  clusters: readonly Cluster[] = [],
): AttentionItem[] {
  return [...clusters.flatMap(ofCluster), ...machines.flatMap((machine) => ofMachine(machine, now)), ...ofTasks(tasks, now)].sort(
    (a, b) => order[a.severity] - order[b.severity] || b.since.localeCompare(a.since) || a.key.localeCompare(b.key),
  )
}
