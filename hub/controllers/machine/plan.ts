// What a Machine's status must say, and which tasks it needs, from everything gathered. Pure.
import { type ConditionInput, findCondition, setCondition } from '#shared/contract/conditions.ts'
import type { Machine, MachineStatus } from '#shared/contract/machine.ts'
import type { Condition } from '#shared/contract/meta.ts'
import type { PreflightSummary } from '#shared/contract/preflight.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Session } from './presence.ts'

export interface MachineGathered {
  machine: Machine
  session: Session | undefined
  isAlive: boolean
  /** The hub has just started: a machine that has not come back yet is not called gone. */
  isGrace: boolean
  /** Tasks of this machine, oldest first. */
  tasks: readonly Task[]
  now: Date
}

export type MachineOperation =
  | { op: 'status'; status: MachineStatus }
  | { op: 'create-task'; action: 'preflight' | 'facts' | 'install-agent' }
  | { op: 'delete-task'; name: string }
  | { op: 'end-identity' }
  | { op: 'remove-finalizer' }

export interface MachinePlan {
  operations: MachineOperation[]
  /** When time alone can change the plan. */
  nextAt?: Date
}

export function planMachine(gathered: MachineGathered): MachinePlan {
  const { machine, tasks } = gathered
  if (machine.metadata.deletionTimestamp) return planDeletion(gathered)
  const status: MachineStatus = { ...machine.status }
  const conditions = conditionsOf(gathered)
  let list: Condition[] | undefined = machine.status?.conditions
  for (const condition of conditions)
    list = setCondition(list, { ...condition, observedGeneration: machine.metadata.generation }, gathered.now)
  status.conditions = list
  status.phase = phaseOf(machine, list)
  takeSession(status, gathered)
  takeResults(status, tasks)
  const current = tasks.find((task) => task.status?.state === 'Running' || task.status?.state === 'Delivered')
  if (current) status.currentTask = current.metadata.name
  else delete status.currentTask

  const installer = installTask(gathered)
  if (installer) status.ssh = { ...status.ssh, task: installer.name }

  const operations: MachineOperation[] = []
  if (installer?.isNew) operations.push({ op: 'create-task', action: 'install-agent' })
  if (JSON.stringify(status) !== JSON.stringify(machine.status)) operations.push({ op: 'status', status })
  if (gathered.isAlive && gathered.session) {
    for (const action of ['facts', 'preflight'] as const)
      if (
        gathered.session.allowedActions.includes(action) &&
        !tasks.some((task) => task.spec.action === action) &&
        !hasResult(status, action)
      )
        operations.push({ op: 'create-task', action })
  }
  return { operations, nextAt: certificateWarningAt(machine, gathered.now) }
}

function planDeletion({ machine, tasks }: MachineGathered): MachinePlan {
  const operations: MachineOperation[] = [{ op: 'end-identity' }]
  for (const task of tasks) operations.push({ op: 'delete-task', name: task.metadata.name })
  if (machine.metadata.finalizers?.length) operations.push({ op: 'remove-finalizer' })
  return { operations }
}

function conditionsOf({ machine, session, isAlive, isGrace, tasks, now }: MachineGathered): ConditionInput[] {
  return [
    approved(machine),
    connected(machine, session, isAlive, isGrace),
    identityUnique(machine, session),
    certificateValid(machine, now),
    preflightPassed(machine, tasks),
    ...agentInstalled(machine, tasks),
  ]
}

/** The task that installs the agent over SSH: the newest one, or the first, which is about to be made. One that was deleted is not made again. */
function installTask({ machine, tasks }: MachineGathered): { name: string; isNew: boolean } | undefined {
  const { spec, status } = machine
  if (!spec.ssh) return undefined
  const last = latestOf(tasks, 'install-agent')
  if (last) return { name: last.metadata.name, isNew: false }
  if (status?.ssh?.task || status?.agentId || spec.revoked || spec.approved === false) return undefined
  return { name: machineTaskName(machine, 'install-agent'), isNew: true }
}

/** Named after the identity of the Machine, so that a repeat finds it instead of making a second one. */
export function machineTaskName({ metadata }: Machine, action: string): string {
  return `${metadata.name.slice(0, 200)}-${action}-${(metadata.uid ?? '').slice(0, 8)}`
}

function agentInstalled({ spec, status }: Machine, tasks: readonly Task[]): ConditionInput[] {
  if (!spec.ssh) return []
  const type = 'AgentInstalled'
  const task = latestOf(tasks, 'install-agent')
  const { state = 'Pending', reason, message = '' } = task?.status ?? {}
  if (state === 'Succeeded')
    return [{ type, status: 'True', reason: 'Installed', message: `task ${task?.metadata.name} installed it over SSH` }]
  if (task && isTerminal(state))
    return [{ type, status: 'False', reason: reason ?? state, message: `task ${task.metadata.name}: ${message}`.slice(0, 2048) }]
  if (task) return [{ type, status: 'Unknown', reason: 'Installing', message: `task ${task.metadata.name} is ${state}` }]
  if (status?.certificate) return [{ type, status: 'True', reason: 'Installed', message: 'it has an agent' }]
  return [
    { type, status: 'False', reason: 'NotInstalled', message: 'no task of the action install-agent is there; create one to install it' },
  ]
}

function approved({ spec, status }: Machine): ConditionInput {
  const type = 'Approved'
  if (spec.revoked)
    return { type, status: 'False', reason: 'Revoked', message: 'its identity has been revoked; enrol it again with a new join token' }
  if (spec.approved === true) return { type, status: 'True', reason: 'Approved', message: 'it may have an identity' }
  if (spec.approved === false) return { type, status: 'False', reason: 'Denied', message: 'an operator denied it' }
  if (!status?.enrollment && spec.ssh)
    return {
      type,
      status: 'False',
      reason: 'NotEnrolled',
      message: 'the hub installs the agent over SSH, which approves it; see AgentInstalled',
    }
  if (!status?.enrollment)
    return {
      type,
      status: 'False',
      reason: 'NotEnrolled',
      message: 'no agent has asked for this machine yet; run the install command on it',
    }
  return {
    type,
    status: 'False',
    reason: 'WaitingForApproval',
    message: `compare the fingerprint ${status.enrollment.fingerprint} with what the machine shows, then set spec.approved to true`,
  }
}

function connected(machine: Machine, session: Session | undefined, isAlive: boolean, isGrace: boolean): ConditionInput {
  const type = 'Connected'
  if (machine.spec.revoked) return { type, status: 'False', reason: 'Revoked', message: 'its identity has been revoked' }
  if (session?.refusal) return { type, status: 'False', reason: session.refusal.reason, message: session.refusal.message }
  if (isAlive && session) {
    const down = session.planes.filter((plane) => !plane.ok)
    if (down.length === 0)
      return {
        type,
        status: 'True',
        reason: 'AllPlanesEcho',
        message: `${session.planes.map((plane) => plane.name).join(' and ')} answered within the heartbeat window`,
      }
    const message = down.map((plane) => `${plane.name}: ${plane.reason || 'no answer'}`).join('; ')
    return { type, status: 'False', reason: 'PlaneDown', message: message.slice(0, 1024) }
  }
  if (!machine.status?.certificate) return { type, status: 'False', reason: 'NeverConnected', message: 'it has no identity yet' }
  const before = findCondition(machine.status.conditions, type)
  if (isGrace && before?.status === 'True') return { type, status: 'True', reason: before.reason, message: before.message }
  if (before?.status === 'False' && before.reason === 'NoHeartbeat')
    return { type, status: 'False', reason: before.reason, message: before.message }
  if (!before || before.reason === 'NeverConnected')
    return { type, status: 'False', reason: 'NeverConnected', message: 'it has an identity and has not connected with it yet' }
  return {
    type,
    status: 'False',
    reason: 'NoHeartbeat',
    message: 'the agent is not connected to this hub; on the machine, `moorline-agent status` says what it sees',
  }
}

function identityUnique(machine: Machine, session: Session | undefined): ConditionInput {
  const type = 'IdentityUnique'
  if (session?.refusal?.reason === 'IdentityCloned')
    return { type, status: 'False', reason: 'IdentityCloned', message: session.refusal.message }
  if (session?.clone) return { type, status: 'False', reason: 'IdentityCloned', message: session.clone.message }
  const before = findCondition(machine.status?.conditions, type)
  // A clone that has been seen once stays visible until the rightful machine connects again.
  if (before?.status === 'False' && !session) return { type, status: 'False', reason: before.reason, message: before.message }
  return { type, status: 'True', reason: 'OneMachine', message: 'one machine uses this identity' }
}

function certificateValid({ status }: Machine, now: Date): ConditionInput {
  const type = 'CertificateValid'
  const certificate = status?.certificate
  if (!certificate) return { type, status: 'Unknown', reason: 'NoCertificate', message: 'no certificate has been issued yet' }
  const notAfterMs = Date.parse(certificate.notAfter)
  const lifetimeMs = notAfterMs - Date.parse(certificate.notBefore)
  if (notAfterMs <= now.getTime())
    return {
      type,
      status: 'False',
      reason: 'Expired',
      message: `it expired at ${certificate.notAfter}; enrol the machine again with a new join token`,
    }
  if (notAfterMs - now.getTime() < lifetimeMs / 4)
    return {
      type,
      status: 'False',
      reason: 'RenewalOverdue',
      message: `it ends at ${certificate.notAfter} and the agent has not renewed it`,
    }
  return { type, status: 'True', reason: 'Valid', message: `valid until ${certificate.notAfter}` }
}

function latestOf(tasks: readonly Task[], action: string): Task | undefined {
  return tasks.filter((task) => task.spec.action === action).at(-1)
}

function preflightPassed({ status }: Machine, tasks: readonly Task[]): ConditionInput {
  const type = 'PreflightPassed'
  const task = latestOf(tasks, 'preflight')
  const state = task?.status?.state
  if (task && (!state || !isTerminal(state)))
    return { type, status: 'Unknown', reason: 'Running', message: `task ${task.metadata.name} is ${state ?? 'Pending'}` }
  const summary = (task && preflightResult(task)) ?? status?.preflight?.summary
  if (!summary) {
    if (task)
      return {
        type,
        status: 'Unknown',
        reason: `Task${state}`,
        message: `task ${task.metadata.name}: ${task.status?.message ?? state}`.slice(0, 1024),
      }
    return { type, status: 'Unknown', reason: 'NotRun', message: 'preflight has not run on this machine yet' }
  }
  const text = `${summary.pass} passed, ${summary.fail} failed, ${summary.warn} warnings, ${summary.unknown} unknown, ${summary.skipped} not applicable`
  if (summary.fail > 0) return { type, status: 'False', reason: 'ChecksFailed', message: text }
  if (summary.unknown > 0) return { type, status: 'Unknown', reason: 'ChecksUnknown', message: text }
  return { type, status: 'True', reason: 'ChecksPassed', message: text }
}

function preflightResult(task: Task): PreflightSummary | undefined {
  return (task.status?.result as { summary?: PreflightSummary } | undefined)?.summary
}

function phaseOf(machine: Machine, conditions: readonly Condition[] | undefined): string {
  if (machine.spec.revoked) return 'Revoked'
  if (machine.spec.approved === false) return 'Denied'
  if (!machine.status?.certificate) return 'Pending'
  return findCondition(conditions, 'Connected')?.status === 'True' ? 'Connected' : 'Disconnected'
}

function takeSession(status: MachineStatus, { session, isAlive }: MachineGathered): void {
  if (!session || !isAlive) return
  status.agentVersion = session.agentVersion
  status.bootId = session.bootId
  status.allowedActions = session.allowedActions
  status.tunnelTargets = session.tunnelTargets
  status.lastHeartbeatTime ??= session.lastSeenAt.toISOString()
}

/** Results of finished tasks move onto the machine; older ones never replace newer ones. */
function takeResults(status: MachineStatus, tasks: readonly Task[]): void {
  const facts = tasks.filter((task) => task.spec.action === 'facts' && task.status?.state === 'Succeeded').at(-1)?.status
    ?.result as MachineStatus['facts']
  if (facts && !(status.facts && status.facts.collectedAt >= facts.collectedAt)) status.facts = facts
  const done = tasks.filter((task) => task.spec.action === 'preflight' && preflightResult(task) && task.status?.finishedAt).at(-1)
  const finishedAt = done?.status?.finishedAt
  if (done && finishedAt && !(status.preflight && status.preflight.finishedAt >= finishedAt))
    status.preflight = { task: done.metadata.name, summary: preflightResult(done) as PreflightSummary, finishedAt }
}

function hasResult(status: MachineStatus, action: 'preflight' | 'facts'): boolean {
  return action === 'facts' ? status.facts !== undefined : status.preflight !== undefined
}

function certificateWarningAt({ status }: Machine, now: Date): Date | undefined {
  const certificate = status?.certificate
  if (!certificate) return undefined
  const notAfterMs = Date.parse(certificate.notAfter)
  const warnMs = notAfterMs - (notAfterMs - Date.parse(certificate.notBefore)) / 4
  const next = [warnMs, notAfterMs].find((ms) => ms > now.getTime())
  return next === undefined ? undefined : new Date(next)
}
