import test from 'ava'
import { createPresence } from '#hub/controllers/machine/presence.ts'
import { systemClock } from '#shared/clock/clock.ts'

const hello = { agentId: 'a', sessionId: 's', bootId: 'b', agentVersion: '1', allowedActions: [], tunnelTargets: [], address: '192.0.2.1' }

function createParts() {
  let nowMs = 0
  const told: string[] = []
  const presence = createPresence({ ...systemClock, monotonicMs: () => nowMs })
  presence.onChange((agentId) => told.push(agentId))
  return { presence, told, pass: (ms: number) => (nowMs += ms) }
}

test('a copy is told once, forgotten when it has not been seen for a while, and gone when the machine says hello again', (t) => {
  const { presence, told, pass } = createParts()
  presence.cloned('a', 'nobody is there')
  t.deepEqual(told, [])
  presence.hello(hello)
  presence.cloned('a', 'a copy')
  presence.cloned('a', 'a copy')
  t.is(told.length, 2)
  t.is(presence.get('a')?.clone?.message, 'a copy')
  for (let minute = 0; minute < 4; minute++) {
    pass(20_000)
    presence.heartbeat('a', [{ name: 'nats', ok: true }], 0)
    presence.sweep()
  }
  t.truthy(presence.get('a')?.clone)
  pass(5 * 60_000)
  presence.heartbeat('a', [{ name: 'nats', ok: true }], 0)
  presence.sweep()
  t.is(presence.get('a')?.clone, undefined)
  presence.cloned('a', 'a copy')
  presence.hello(hello)
  t.is(presence.get('a')?.clone, undefined)
})
