import test from 'ava'
import { createIdleMemory } from '#agent/idle-memory.ts'

test('memory is given back once after each piece of work, and never while something runs', (t) => {
  let collected = 0
  const memory = createIdleMemory(() => void collected++)
  memory.look(0n, 0)
  memory.look(0n, 0)
  t.is(collected, 1)
  memory.look(5n, 1)
  t.is(collected, 1)
  memory.look(9n, 0)
  memory.look(9n, 0)
  t.is(collected, 2)
})

test('an agent that waits is looked at now and then', (t) => {
  let collected = 0
  const memory = createIdleMemory(() => void collected++)
  for (let look = 0; look < 31; look++) memory.look(3n, 0)
  t.is(collected, 4)
})

test('without the flag there is nothing to call', (t) => {
  t.notThrows(() => createIdleMemory(undefined).look(1n, 0))
})
