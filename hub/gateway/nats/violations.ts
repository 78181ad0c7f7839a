// What the NATS server refuses to a client that it has let in (a subject that is not its own) stands only in the server's log. This
// reads it there and finds out whose connection it was, by the port that the bridge came from: everything after it is the client's word.
import type { Clock } from '#shared/clock/clock.ts'
import type { SecurityEvent } from '../types.ts'

export interface ViolationsOptions {
  clock: Clock
  onSecurityEvent(event: SecurityEvent): void
}

export interface Violations {
  opened(port: number, agentId: string, address: string): void
  closed(port: number): void
  /** A line of the server's log. */
  read(line: string): void
}

const linePattern = /^\[\d+\] \[ERR\] 127\.0\.0\.1:(\d{1,5}) - cid:\d+ - .* - (Publish|Subscription) Violation - .*?, Subject (".*")/
/** The log may speak of a connection that has just ended. */
const memoryMs = 5_000

export function createViolations({ clock, onSecurityEvent }: ViolationsOptions): Violations {
  const owners = new Map<number, { agentId: string; address: string }>()
  return {
    opened: (port, agentId, address) => void owners.set(port, { agentId, address }),
    closed(port) {
      const owner = owners.get(port)
      if (owner) clock.setTimer(memoryMs, () => void (owners.get(port) === owner && owners.delete(port)), true)
    },
    read(line) {
      const [, port, what = '', subject = ''] = linePattern.exec(line) ?? []
      const owner = owners.get(Number(port))
      if (!owner) return
      const act = what === 'Publish' ? 'publish to' : 'subscribe to'
      onSecurityEvent({ ...owner, kind: 'PermissionViolation', message: `tried to ${act} ${subject.slice(0, 256)}` })
    },
  }
}
