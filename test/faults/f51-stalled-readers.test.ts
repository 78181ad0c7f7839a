// F-51: hub's end, agent's end and service are a process each, as they are in use. In one process they would share an event loop and
// a heap, and the stalled streams' buffers would make the collector's work for all of them. `npm run bench -- tunnel` has the exact
// figure; a test on a shared machine can tell only that nobody waits for those that have stalled.
import { once } from 'node:events'
import test from 'ava'
import { stop } from '#scripts/dev/bench/tunnel/carrier.ts'
import { forkWith } from '#scripts/dev/bench/tunnel/fork.ts'
import { stalledTurns } from '#scripts/dev/bench/tunnel/stalled-turns.ts'
import { hubMemory } from '#shared/contract/memory.ts'
import { unreadBudgetBytes } from '#shared/contract/tunnel.ts'

const mebibyte = 1024 * 1024

test('two hundred stalled readers hold up no healthy stream beside them, and no more than their share of the budget', async (t) => {
  t.timeout(300_000)
  const service = forkWith(hubMemory, 'target.ts')
  t.teardown(() => stop(service))
  const [{ port }] = (await once(service, 'message')) as [{ port: number }]
  const turns = await stalledTurns(port)
  for (const { stalledStreams, unreadBytes } of turns) {
    t.is(stalledStreams, 200)
    t.true(unreadBytes <= unreadBudgetBytes + stalledStreams * 65_536, `${unreadBytes} bytes are unread`)
    t.true(unreadBytes <= stalledStreams * 2 * mebibyte)
  }
  // The fastest turns are those that the rest of the machine left alone.
  const alone = Math.max(...turns.map((turn) => turn.alone))
  const beside = Math.max(...turns.map((turn) => turn.beside))
  t.log({ alone, beside })
  t.true(beside > alone / 2, `alone ${alone} MiB/s, beside them ${beside} MiB/s`)
})
