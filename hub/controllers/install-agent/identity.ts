// The identity that an agent gets while it is installed: waited for, and taken back when the installation fails after all.
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { Resources } from '#hub/resources/types.ts'
import { TaskFailure } from '#hub/controllers/task/performed/types.ts'
import { tokenName } from './join-token.ts'

export function isConnected(machine: Machine | undefined): boolean {
  return findCondition(machine?.status?.conditions, 'Connected')?.status === 'True'
}

/** It came by this task, whichever attempt. */
export function hasIdentityOf(machine: Machine | undefined, task: Task): boolean {
  return machine?.status?.certificate !== undefined && machine.status.enrollment?.joinToken === tokenName(task)
}

/** Resolves when the machine is Connected. @throws TaskFailure AgentNotConnected, or the signal's reason */
export async function untilConnected(
  { resources, clock }: { resources: Resources; clock: Clock },
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const done = Promise.withResolvers<void>()
  const look = () => {
    if (isConnected(resources.get<Machine>('Machine', name))) done.resolve()
  }
  const onAbort = () => done.reject(signal.reason)
  const subscription = resources.subscribe((change) => change.kind === 'Machine' && change.name === name && look())
  const timer = clock.setTimer(timeoutMs, () => {
    const connected = findCondition(resources.get<Machine>('Machine', name)?.status?.conditions, 'Connected')
    const why = connected ? ` (${connected.reason}: ${connected.message})` : ''
    done.reject(new TaskFailure('AgentNotConnected', `the agent was installed but did not connect within ${timeoutMs / 1000} s${why}`))
  })
  try {
    signal.throwIfAborted()
    signal.addEventListener('abort', onAbort, { once: true })
    look()
    await done.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    timer.cancel()
    subscription.close()
  }
}

/** The Machine is as before it was enrolled by this task: the identity ends at once. Safe to repeat. */
export async function forgetIdentity(resources: Resources, task: Task): Promise<void> {
  const { machine: name } = task.spec
  const before = resources.get<Machine>('Machine', name)
  if (before?.status?.enrollment?.joinToken !== tokenName(task)) return
  await resources.modify<Machine>(
    'Machine',
    name,
    (current) => {
      if (current.metadata.uid !== before.metadata.uid || current.status?.enrollment?.joinToken !== tokenName(task)) return undefined
      const { agentId: _id, certificate: _certificate, enrollment: _enrollment, machineFingerprint: _print, ...kept } = current.status
      const { lastHeartbeatTime: _seen, planes: _planes, agentVersion: _version, bootId: _boot, facts: _facts, ...status } = kept
      return { ...current, status: { ...status, phase: 'Pending' } }
    },
    { subresource: 'status' },
  )
  // Made for that agent: another one would never get them, and they would stand where its own belong.
  for (const { spec, metadata } of resources.list<Task>('Task').items)
    if (spec.machine === name && metadata.labels?.['moorline.dev/trigger'] === 'first-connection')
      await resources.delete('Task', metadata.name)
}
