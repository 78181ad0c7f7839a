// F-51: hub's end, agent's end and service are a process each, as they are in use. In one process they would share an event loop and
// a heap, and the stalled streams' buffers would make the collector's work for all of them. `npm run bench -- tunnel` has the figure.
import { once } from 'node:events'
import test from 'ava'
import { stop } from '#scripts/dev/bench/tunnel/carrier.ts'
import { forkWith } from '#scripts/dev/bench/tunnel/fork.ts'
import type { StalledTurn } from '#scripts/dev/bench/tunnel/stalled.ts'
import { stalledTurns } from '#scripts/dev/bench/tunnel/stalled-turns.ts'
import { hubMemory } from '#shared/contract/memory.ts'
import { unreadBudgetBytes } from '#shared/contract/tunnel.ts'

const mebibyte = 1024 * 1024

test('beside two hundred stalled readers a healthy stream keeps nine tenths of its rate; they hold 2 MiB each at most', async (t) => {
  t.timeout(300_000)
  const service = forkWith(hubMemory, 'target.ts')
  t.teardown(() => stop(service))
  const [{ port }] = (await once(service, 'message')) as [{ port: number }]
  // By turns, so that what else the machine does falls on both; the fastest turns are those that it left alone.
  const best = (turns: readonly StalledTurn[], which: 'alone' | 'beside') => Math.max(...turns.map((turn) => turn[which]))
  const isKept = (turns: readonly StalledTurn[]) => best(turns, 'beside') / best(turns, 'alone') >= 0.9
  const turns = await stalledTurns(port, (so) => so.length === 16 || (so.length >= 4 && isKept(so)))
  for (const { stalledStreams, unreadBytes } of turns) {
    t.is(stalledStreams, 200)
    t.true(unreadBytes <= unreadBudgetBytes + stalledStreams * 65_536, `${unreadBytes} bytes are unread`)
    t.true(unreadBytes <= stalledStreams * 2 * mebibyte)
  }
  t.log({ turns: turns.length, alone: best(turns, 'alone'), beside: best(turns, 'beside') })
  t.true(isKept(turns), JSON.stringify(turns))
})
