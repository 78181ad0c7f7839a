// The Machine controller: gather → plan → apply per machine. Owns Machine.status but for certificate and enrollment.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import { Facts } from '#shared/contract/facts.ts'
import { limits } from '#shared/contract/limits.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Log } from '#shared/log/log.ts'
import Value from 'typebox/value'
import type { Resources } from '#hub/resources/types.ts'
import { identityFinalizer } from '#hub/controllers/enrollment/enroll.ts'
import { createWorkQueue } from '#hub/controllers/runtime/work-queue.ts'
import { type MachineGathered, type MachineOperation, machineTaskName, planMachine } from './plan.ts'
import type { Presence } from './presence.ts'
import { createTaskIndex } from './task-index.ts'

export interface MachineControllerDeps {
  resources: Resources
  presence: Presence
  machineName(agentId: string): string | undefined
  /** Ends the NATS user and the live sockets of an identity. Safe to repeat. */
  endIdentity(agentId: string): Promise<void>
  clock: Clock
  random: () => number
  log: Log
  sweepIntervalMs?: number
  /** How long after a start a machine that was connected may take to come back. */
  graceMs?: number
}

export function createMachineController(deps: MachineControllerDeps): { start(): void; stop(): Promise<void> } {
  const { resources, presence, clock, log } = deps
  const tasks = createTaskIndex(resources)
  const queue = createWorkQueue({ name: 'machine', concurrency: 64, clock, random: deps.random, log, reconcile })
  let subscription: { close(): void } | undefined
  let sweeper: Timer | undefined
  let graceEnd: Timer | undefined
  let isGrace = true

  function gather(name: string): MachineGathered | undefined {
    const machine = resources.get<Machine>('Machine', name)
    if (!machine) return undefined
    const agentId = machine.status?.agentId ?? ''
    const session = presence.get(agentId)
    const isExpected = isGrace && !presence.hasLeft(agentId)
    const own = tasks.of(name).map(withCheckedFacts)
    return { machine, session, isAlive: presence.isAlive(session), isGrace: isExpected, tasks: own, now: clock.now() }
  }

  async function reconcile(name: string): Promise<{ againInMs?: number } | void> {
    const gathered = gather(name)
    if (!gathered) return
    const plan = planMachine(gathered)
    try {
      await apply(gathered.machine, plan.operations)
    } catch (error) {
      // Somebody wrote in between: what they wrote has queued this machine again.
      if (!(error instanceof ApiError && (error.code === 'Conflict' || error.code === 'NotFound'))) throw error
      return { againInMs: 20 }
    }
    if (plan.nextAt) return { againInMs: Math.max(1_000, plan.nextAt.getTime() - clock.now().getTime()) }
  }

  async function apply(machine: Machine, operations: readonly MachineOperation[]): Promise<void> {
    const writes: Parameters<Resources['transact']>[0][number][] = []
    for (const operation of operations) {
      if (operation.op === 'end-identity') {
        if (machine.status?.agentId) await deps.endIdentity(machine.status.agentId)
      } else if (operation.op === 'status') writes.push({ op: 'update', object: { ...machine, status: operation.status } })
      else if (operation.op === 'create-task') writes.push({ op: 'create', object: firstTask(machine, operation.action) })
      else if (operation.op === 'delete-task') await deleteTask(operation.name)
      else {
        const finalizers = (machine.metadata.finalizers ?? []).filter((finalizer) => finalizer !== identityFinalizer)
        await resources.update('Machine', machine.metadata.name, { ...machine, metadata: { ...machine.metadata, finalizers } })
      }
    }
    if (writes.length > 0) await resources.transact(writes)
  }

  async function deleteTask(name: string): Promise<void> {
    try {
      await resources.delete('Task', name)
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'NotFound')) throw error
    }
  }

  function withCheckedFacts(task: Task): Task {
    if (task.spec.action !== 'facts' || task.status?.state !== 'Succeeded' || Value.Check(Facts, task.status.result)) return task
    return { ...task, status: { ...task.status, result: undefined } }
  }

  return {
    start() {
      subscription = resources.subscribe((change) => {
        if (change.kind === 'Machine') queue.add(change.name)
        else if (change.kind === 'Task') {
          tasks.follow(change)
          queue.add((change.object as Resource as Task).spec.machine)
        }
      })
      tasks.fill()
      presence.onChange((agentId) => {
        const name = deps.machineName(agentId)
        if (name) queue.add(name)
      })
      const addAll = () => {
        for (const machine of resources.list('Machine').items) queue.add(machine.metadata.name)
      }
      addAll()
      graceEnd = clock.setTimer(
        deps.graceMs ?? limits.heartbeatWindowMs,
        () => {
          isGrace = false
          addAll()
        },
        true,
      )
      const intervalMs = deps.sweepIntervalMs ?? 1_000
      const sweep = () => {
        presence.sweep()
        sweeper = clock.setTimer(intervalMs, sweep, true)
      }
      sweep()
    },
    async stop() {
      subscription?.close()
      sweeper?.cancel()
      graceEnd?.cancel()
      await queue.stop()
    },
  }
}

/** The first look at a machine: named after its identity, so that a repeat finds it instead of making a second one. */
function firstTask(machine: Machine, action: 'preflight' | 'facts' | 'install-agent'): Resource {
  const requestedBy = machine.status?.ssh?.requestedBy
  return {
    apiVersion,
    kind: 'Task',
    metadata: {
      name: machineTaskName(machine, action),
      labels: { 'moorline.dev/trigger': action === 'install-agent' ? 'machine-created' : 'first-connection' },
    },
    spec: {
      machine: machine.metadata.name,
      action,
      input: action === 'preflight' && machine.spec.role ? { role: machine.spec.role } : {},
      timeoutSeconds: action === 'install-agent' ? 1_200 : 600,
    },
    ...(requestedBy !== undefined && action === 'install-agent' && { status: { state: 'Pending', attempt: 1, requestedBy } }),
  } satisfies Task as Resource
}
