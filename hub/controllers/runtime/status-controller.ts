// The shape of a small controller: one kind whose status is a pure function of what is in the store.
import type { Clock } from '#shared/clock/clock.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Log } from '#shared/log/log.ts'
import type { Change } from '#hub/store/types.ts'
import type { Resources } from '#hub/resources/types.ts'
import { createWorkQueue } from './work-queue.ts'

export interface StatusControllerDeps {
  resources: Resources
  clock: Clock
  random: () => number
  log: Log
}

export interface Controller {
  start(): void
  stop(): Promise<void>
}

export interface StatusController extends Controller {
  /** Something that is not in the store has changed what this object's status must say. */
  look(name: string): void
}

/** `affected` names the objects of `kind` whose plan a change of another kind may alter. `delayMs` gathers bursts into one look. */
export function createStatusController<T extends Resource>(
  { resources, clock, random, log }: StatusControllerDeps,
  kind: string,
  plan: (object: T, now: Date) => { status?: T['status']; nextAt?: Date },
  affected: (change: Change) => readonly string[] = () => [],
  delayMs = 0,
): StatusController {
  const queue = createWorkQueue({
    name: kind,
    concurrency: 8,
    clock,
    random,
    log,
    async reconcile(name) {
      let nextAt: Date | undefined
      await resources.modify<T>(
        kind,
        name,
        (current) => {
          const next = plan(current, clock.now())
          nextAt = next.nextAt
          return next.status === undefined ? undefined : { ...current, status: next.status }
        },
        { subresource: 'status' },
      )
      if (nextAt) return { againInMs: Math.max(1_000, nextAt.getTime() - clock.now().getTime()) }
    },
  })
  const look = (name: string) => {
    if (resources.get(kind, name)) queue.addAfter(name, delayMs)
  }
  let subscription: { close(): void } | undefined
  return {
    look,
    start() {
      subscription = resources.subscribe((change) => {
        if (change.kind === kind && change.type !== 'DELETED') look(change.name)
        else for (const name of affected(change)) look(name)
      })
      for (const object of resources.list(kind).items) look(object.metadata.name)
    },
    async stop() {
      subscription?.close()
      await queue.stop()
    },
  }
}
