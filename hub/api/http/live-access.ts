// Streams that outlive the check they began with: asks again when a token, a binding or a cluster changes, and every two seconds for
// what makes no change (a token that runs out), so that a right that is gone ends its streams within five seconds.
import type { Clock, Timer } from '#shared/clock/clock.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface LiveAccess {
  /** Calls `onLost` once when `isAllowed` has become false. Returns what stops it. */
  follow(isAllowed: () => boolean, onLost: () => void): () => void
  close(): void
}

const sweepMs = 2_000
const kinds: ReadonlySet<string> = new Set(['AccessToken', 'AccessBinding', 'Cluster'])

export function createLiveAccess(resources: Resources, clock: Clock): LiveAccess {
  const open = new Map<() => void, () => boolean>()
  let timer: Timer | undefined

  function check(): void {
    for (const [onLost, isAllowed] of open) {
      if (isAllowed()) continue
      open.delete(onLost)
      onLost()
    }
  }
  function schedule(): void {
    timer = clock.setTimer(
      sweepMs,
      () => {
        timer = undefined
        check()
        if (open.size > 0) schedule()
      },
      true,
    )
  }
  const subscription = resources.subscribe((change) => {
    if (open.size > 0 && kinds.has(change.kind)) check()
  })

  return {
    follow(isAllowed, onLost) {
      // A function of its own: the same callback may be given twice.
      const key = () => onLost()
      open.set(key, isAllowed)
      if (timer === undefined) schedule()
      return () => void open.delete(key)
    },
    close() {
      subscription.close()
      timer?.cancel()
      open.clear()
    },
  }
}
