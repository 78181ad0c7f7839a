import type { Readiness } from '#hub/observability/readiness.ts'
import type { Store } from '#hub/store/types.ts'

/** Writes that wait for the disk: above this the hub answers, but too late to be called ready. */
const waitingLimit = 5_000

export function storeReadiness(store: Store): Readiness {
  const waiting = store.queuedWrites()
  return { name: 'store', ok: waiting < waitingLimit, message: `${waiting} writes wait to be committed` }
}
