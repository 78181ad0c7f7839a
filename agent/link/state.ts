// What the link can say of itself at any time: phase, planes, last error.
import type { Endpoint } from '#agent/link/dialer.ts'
import type { LinkPhase, LinkState } from '#agent/link/types.ts'
import type { PlaneState } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { messageOf } from '#shared/errors/agent-error.ts'

export interface StateKeeper {
  get(): LinkState
  setPhase(phase: LinkPhase, nextAttemptMs?: number): void
  setPlane(plane: PlaneState): void
  /** A plane that is not in use is not reported. */
  dropPlane(name: string): void
  failed(error: Error): void
  succeeded(): void
  /** How often the link has been up. */
  upCount(): number
  onChange(callback: (state: LinkState) => void): () => void
}

export function createState(hub: Endpoint, clock: Clock): StateKeeper {
  const listeners = new Set<(state: LinkState) => void>()
  const planes = new Map<string, PlaneState>([['nats', { name: 'nats', ok: false, reason: 'Disconnected', roundTripUs: 0 }]])
  let phase: LinkPhase = 'waiting'
  let enteredMs = clock.monotonicMs()
  let nextAtMs: number | undefined
  let failedAttempts = 0
  let upCount = 0
  let lastError: LinkState['lastError']

  const get = (): LinkState => {
    const nowMs = clock.monotonicMs()
    return {
      phase,
      hub,
      planes: [...planes.values()],
      sinceMs: nowMs - enteredMs,
      ...(nextAtMs === undefined ? {} : { nextAttemptMs: Math.max(0, nextAtMs - nowMs) }),
      failedAttempts,
      lastError,
    }
  }
  const tell = () => {
    for (const callback of listeners) callback(get())
  }

  return {
    get,
    setPhase(next, nextAttemptMs) {
      phase = next
      enteredMs = clock.monotonicMs()
      nextAtMs = nextAttemptMs === undefined ? undefined : enteredMs + nextAttemptMs
      tell()
    },
    setPlane(plane) {
      const before = planes.get(plane.name)
      planes.set(plane.name, plane)
      if (before?.ok !== plane.ok || before.reason !== plane.reason) tell()
    },
    dropPlane(name) {
      if (planes.delete(name)) tell()
    },
    failed(error) {
      failedAttempts += 1
      lastError = { code: (error as { code?: string }).code ?? error.name, message: messageOf(error), at: clock.now() }
      tell()
    },
    succeeded() {
      failedAttempts = 0
      upCount += 1
    },
    upCount: () => upCount,
    onChange(callback) {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    },
  }
}
