import test from 'ava'
import { createViolations } from '#hub/gateway/nats/violations.ts'
import type { SecurityEvent } from '#hub/gateway/types.ts'
import { systemClock } from '#shared/clock/clock.ts'

const line = (port: number, what: string, more = '') =>
  `[77] [ERR] 127.0.0.1:${port} - cid:7 - "v2.29.3:nats.js:${more}" - ${what} Violation - JWT User "UABC", Subject "hub.x.task"`

test('a refused publish or subscription is laid to the agent behind the port, whatever the line says besides', (t) => {
  const events: SecurityEvent[] = []
  const timers: (() => void)[] = []
  const clock = { ...systemClock, setTimer: (_delayMs: number, run: () => void) => (timers.push(run), { cancel() {} }) }
  const violations = createViolations({ clock, onSecurityEvent: (event) => events.push(event) })
  violations.opened(4001, 'mallory', '192.0.2.1')
  violations.opened(4002, 'alice', '192.0.2.2')
  violations.read(line(4001, 'Publish', '127.0.0.1:4002 - cid:8 - x'))
  violations.read(line(4001, 'Subscription'))
  violations.read('[77] [INF] Server is ready')
  violations.read(line(4003, 'Publish'))
  t.deepEqual(
    events.map(({ agentId, kind, message }) => [agentId, kind, message]),
    [
      ['mallory', 'PermissionViolation', 'tried to publish to "hub.x.task"'],
      ['mallory', 'PermissionViolation', 'tried to subscribe to "hub.x.task"'],
    ],
  )
  violations.closed(4001)
  violations.read(line(4001, 'Publish'))
  t.is(events.length, 3)
  // The port may be somebody else's by the time that it would be forgotten.
  violations.opened(4001, 'bob', '192.0.2.3')
  for (const run of timers) run()
  violations.read(line(4001, 'Publish'))
  t.is(events.at(-1)?.agentId, 'bob')
})
