// Audit rows of what the hub performs itself: one when an attempt begins, one when it ends. What went wrong is in them by the name of its
// reason only: the message of an end may hold what a machine has printed.
import type { Clock } from '#shared/clock/clock.ts'
import type { Task } from '#shared/contract/task.ts'
import type { Store } from '#hub/store/types.ts'
import type { Performer } from './types.ts'

export interface AttemptAudit {
  /** Resolve when the row is durable. */
  began(how: 'Started' | 'Resumed'): Promise<void>
  ended(state: string, reason: string | undefined): Promise<void>
}

export function auditAttempt(task: Task, performer: Performer, { store, clock }: { store: Store; clock: Clock }): AttemptAudit {
  const { spec, metadata, status } = task
  const beganAtMs = clock.monotonicMs()
  const write = async (result: string, how?: string) => {
    const detail = [`task ${metadata.name}, attempt ${status?.attempt ?? 1}`, performer.describe(task), how]
    await store.appendAudit({
      at: clock.now().toISOString(),
      user: status?.requestedBy ?? 'system:hub',
      verb: spec.action,
      resource: 'Machine',
      name: spec.machine,
      decision: 'allow',
      result,
      remoteAddress: '',
      detail: detail.filter(Boolean).join('; ').slice(0, 1024),
    })
  }
  return {
    began: (how) => write(how),
    ended: (state, reason) => write(reason ?? state, `${state} after ${((clock.monotonicMs() - beganAtMs) / 1000).toFixed(1)} s`),
  }
}
