import test from 'ava'
import { systemClock } from '#shared/clock/clock.ts'
import { limitSecurityEvents } from '#hub/gateway/security-events.ts'
import type { SecurityEvent } from '#hub/gateway/types.ts'

test('a flood of one agent is reported a few times and then counted, and hides nobody else', (t) => {
  let now = 0
  const seen: SecurityEvent[] = []
  const report = limitSecurityEvents({ ...systemClock, monotonicMs: () => now }, (event) => void seen.push(event))
  const event = (agentId: string): SecurityEvent => ({ kind: 'MalformedMessage', agentId, address: '', message: 'bad' })
  for (let index = 0; index < 1000; index += 1) report(event('noisy'))
  t.is(seen.length, 20)
  report(event('other'))
  t.is(seen.length, 21)
  now = 10_000
  report(event('noisy'))
  t.is(seen.at(-1)?.message, 'bad (and 980 like it before)')
  report(event('noisy'))
  t.is(seen.length, 22)
})
