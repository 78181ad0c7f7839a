// Who is there right now: memory only, filled by hellos and heartbeats, empty after a restart. What must survive (the last
// known Connected condition) is on the Machine; this only feeds it. Times are monotonic, so a clock jump calls nobody dead.
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'

export interface Plane {
  name: string
  ok: boolean
  reason?: string
  roundTripMicroseconds?: number
}

export interface Session {
  agentId: string
  sessionId: string
  bootId: string
  agentVersion: string
  allowedActions: string[]
  tunnelTargets: string[]
  address: string
  planes: Plane[]
  sinceMs: number
  lastSeenMs: number
  lastSeenAt: Date
  /** Refused at hello: said on the Machine instead of a connection. */
  refusal?: { reason: string; message: string }
  /** Another machine has shown this identity while this session was there. */
  clone?: { message: string; seenMs: number }
  runningTasks: number
}

export interface Presence {
  hello(session: Omit<Session, 'sinceMs' | 'lastSeenMs' | 'lastSeenAt' | 'planes' | 'runningTasks' | 'clone'>): void
  /** A copy was refused beside the live session; forgotten when it has not been seen for a while. */
  cloned(agentId: string, message: string): void
  /** False when no hello of this agent has been seen by this process. */
  heartbeat(agentId: string, planes: Plane[], runningTasks: number): boolean
  gone(agentId: string): void
  /** It was here, in this process, and is not any more: it is not waited for as after a start of the hub. */
  hasLeft(agentId: string): boolean
  get(agentId: string): Session | undefined
  /** Heard from within the heartbeat window and not refused. */
  isAlive(session: Session | undefined): boolean
  all(): Iterable<Session>
  /** Called when an agent appears, changes the state of a plane, or goes. Not on every heartbeat. */
  onChange(listener: (agentId: string) => void): void
  /** Forgets sessions past the window and reports them; called on a timer. */
  sweep(): void
}

/** A refused agent asks again within two minutes. */
const cloneWindowMs = 5 * 60_000

export function createPresence(clock: Clock): Presence {
  const sessions = new Map<string, Session>()
  const left = new Set<string>()
  const listeners: ((agentId: string) => void)[] = []
  const tell = (agentId: string) => {
    for (const listener of listeners) listener(agentId)
  }
  const gone = (agentId: string) => {
    if (!sessions.delete(agentId)) return
    left.add(agentId)
    tell(agentId)
  }
  const isAlive = (session: Session | undefined): boolean =>
    session !== undefined && !session.refusal && clock.monotonicMs() - session.lastSeenMs <= limits.heartbeatWindowMs
  const shape = (planes: readonly Plane[]) => planes.map((plane) => `${plane.name}=${plane.ok}${plane.reason ?? ''}`).join()

  return {
    hello(session) {
      const nowMs = clock.monotonicMs()
      left.delete(session.agentId)
      sessions.set(session.agentId, {
        ...session,
        planes: [{ name: 'nats', ok: true }],
        sinceMs: nowMs,
        lastSeenMs: nowMs,
        lastSeenAt: clock.now(),
        runningTasks: 0,
      })
      tell(session.agentId)
    },
    heartbeat(agentId, planes, runningTasks) {
      const session = sessions.get(agentId)
      if (!session || session.refusal) return false
      const wasAlive = isAlive(session)
      const before = shape(session.planes)
      session.lastSeenMs = clock.monotonicMs()
      session.lastSeenAt = clock.now()
      session.planes = planes
      session.runningTasks = runningTasks
      if (!wasAlive || before !== shape(planes)) tell(agentId)
      return true
    },
    cloned(agentId, message) {
      const session = sessions.get(agentId)
      if (!session) return
      const isNew = session.clone?.message !== message
      session.clone = { message, seenMs: clock.monotonicMs() }
      if (isNew) tell(agentId)
    },
    gone,
    hasLeft: (agentId) => left.has(agentId),
    get: (agentId) => sessions.get(agentId),
    isAlive,
    all: () => sessions.values(),
    onChange: (listener) => void listeners.push(listener),
    sweep() {
      for (const session of sessions.values()) {
        if (session.clone && clock.monotonicMs() - session.clone.seenMs > cloneWindowMs) {
          delete session.clone
          tell(session.agentId)
        }
        if (session.refusal || isAlive(session)) continue
        gone(session.agentId)
      }
    },
  }
}
