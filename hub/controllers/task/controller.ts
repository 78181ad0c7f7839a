// Dispatch: brings every Task to its end. Per machine one look at a time, so its orders leave in order; machines beside each other.
// Level-triggered: each look gathers everything again, a lost wake-up costs time but nothing else.
import { randomBytes } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'
import { isHubAction } from '#shared/contract/actions.ts'
import { findCondition } from '#shared/contract/conditions.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Task } from '#shared/contract/task.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { type Rounds, startRounds } from '#shared/flow/rounds.ts'
import type { Log } from '#shared/log/log.ts'
import { createWorkQueue } from '#hub/controllers/runtime/work-queue.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Change } from '#hub/store/types.ts'
import { answerTimeoutMs, applyTasks, type TaskGateway } from './apply.ts'
import { createAttempts } from './attempts.ts'
import { type CleanUpRule, defaultCleanUp, tasksToDelete } from './clean-up.ts'
import { gatherTasks } from './gather.ts'
import { cancelOrder, type TaskSigner } from './orders.ts'
import { createPerforming, type PerformingDeps } from './performed/create.ts'
import { planTasks } from './plan.ts'
import { createTaskIndex } from './task-index.ts'

export interface TaskControllerDeps {
  resources: Resources
  gateway: TaskGateway
  signer: TaskSigner
  clock: Clock
  random: () => number
  log: Log
  cleanUp?: CleanUpRule
  cleanUpIntervalMs?: number
  /** Machines looked at beside each other. */
  concurrency?: number
  nonce?: () => string
  /** For the tasks that the hub performs itself; without it they wait. */
  performed?: Pick<PerformingDeps, 'store' | 'performers' | 'most'>
}

export interface TaskController {
  start(): void
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>
}

export function createTaskController(deps: TaskControllerDeps): TaskController {
  const { resources, clock, log, random } = deps
  const nonce = deps.nonce ?? (() => randomBytes(16).toString('hex'))
  const index = createTaskIndex(resources)
  const attempts = createAttempts(random)
  const queue = createWorkQueue({ name: 'task', concurrency: deps.concurrency ?? 64, clock, random, log, reconcile })
  const performing = deps.performed && createPerforming({ ...deps, ...deps.performed, look: (machine) => queue.add(machine) })
  let subscription: { close(): void } | undefined
  let sweeps: Rounds | undefined
  let isStopped = false

  async function reconcile(machine: string): Promise<{ againInMs?: number } | void> {
    const gathered = gatherTasks(machine, { resources, index, attempts, now: clock.now(), monotonicMs: clock.monotonicMs() })
    if (gathered.tasks.length === 0) return
    const [own, agents] = [true, false].map((isOwn) => gathered.tasks.filter(({ spec }) => isHubAction(spec.action) === isOwn))
    const next = own?.length ? await performing?.reconcile(machine, { ...gathered, tasks: own }) : undefined
    const { operations, againInMs } = planTasks({ ...gathered, tasks: agents ?? [] })
    if (await applyTasks(operations, { ...deps, attempts, nonce })) return { againInMs: 0 }
    // What came of sending is known only now: the next look says it and finds out when to send again.
    if (operations.some((operation) => operation.op === 'send')) return { againInMs: 0 }
    const looks = [againInMs, next?.againInMs].filter((ms) => ms !== undefined)
    return looks.length > 0 ? { againInMs: Math.min(...looks) } : {}
  }

  function onTask(change: Change): void {
    const task = change.object as Resource as Task
    const { status } = task
    index.follow(change)
    if (change.type === 'DELETED') {
      attempts.forget(task.metadata.uid ?? '')
      performing?.deleted(task)
      if (status?.agentId && !isTerminal(status.state)) cancelDeleted(task, status.agentId, status.attempt ?? 1)
      return
    }
    if (status && isTerminal(status.state)) attempts.forget(task.metadata.uid ?? '')
    queue.add(task.spec.machine)
  }

  /** Nobody waits for its result any more, so this is tried once; the agent's own timeout ends it otherwise. */
  function cancelDeleted(task: Task, agentId: string, attempt: number): void {
    const order = cancelOrder(deps.signer, { task, agentId, attempt, now: clock.now(), nonce: nonce() })
    deps.gateway
      .sendOrder(agentId, 'cancel', order, answerTimeoutMs)
      .catch((error: unknown) =>
        log.info({ task: task.metadata.name, error: messageOf(error) }, 'a deleted task was not canceled on its machine'),
      )
  }

  function onMachine(change: Change): void {
    const names = index.of(change.name)
    if (names.length === 0) return
    if (connectedSince(change.object) !== connectedSince(change.previous))
      attempts.wake(names.map((name) => resources.get('Task', name)?.metadata.uid ?? ''))
    queue.add(change.name)
  }

  async function cleanUp(): Promise<void> {
    const old = tasksToDelete(resources.list<Task>('Task').items, deps.cleanUp ?? defaultCleanUp, clock.now())
    for (const { metadata } of old) {
      if (isStopped) return
      try {
        await resources.delete('Task', metadata.name, { preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } })
      } catch (error) {
        // Changed or deleted meanwhile: the next sweep judges it anew.
        if (!(error instanceof ApiError && (error.code === 'NotFound' || error.code === 'Conflict'))) throw error
      }
    }
    if (old.length > 0) log.info({ tasks: old.length }, 'old finished tasks were deleted')
  }

  return {
    start() {
      subscription = resources.subscribe((change) => {
        if (change.kind === 'Task') onTask(change)
        else if (change.kind === 'Machine') onMachine(change)
      })
      index.fill()
      for (const machine of index.machines()) queue.add(machine)
      sweeps = startRounds({ clock, everyMs: deps.cleanUpIntervalMs ?? 3_600_000 }, cleanUp, (error) =>
        log.warn({ error: messageOf(error) }, 'old tasks could not be deleted; trying again later'),
      )
    },
    async stop() {
      isStopped = true
      subscription?.close()
      await sweeps?.stop()
      await queue.stop()
      await performing?.close()
    },
  }
}

function connectedSince(machine: Resource | undefined): string | undefined {
  const condition = findCondition((machine as Machine | undefined)?.status?.conditions, 'Connected')
  return condition?.status === 'True' ? condition.lastTransitionTime : undefined
}
