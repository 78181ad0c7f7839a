import { webcrypto } from 'node:crypto'
import test from 'ava'
import { createDials } from '#hub/tunnel/dials.ts'
import { tunnelTicketPattern } from '#shared/contract/tunnel.ts'
import { fastClock } from '#test/agent/link/clocks.ts'
import { until } from '#test/helpers/until.ts'

function fixture(factor = 1) {
  const asked: { agentId: string; tunnelClass: string; ticket: string }[] = []
  const dials = createDials<string>({
    request: (agentId, request) => void asked.push({ agentId, ...request }),
    randomBytes: (count) => webcrypto.getRandomValues(new Uint8Array(count)),
    clock: fastClock(factor),
  })
  return { asked, dials }
}

test('everybody who waits for the same connection gets the same one; another class or agent is another', async (t) => {
  const { asked, dials } = fixture()
  const waiting = [dials.session('a', 'bulk'), dials.session('a', 'bulk'), dials.session('a', 'interactive'), dials.session('b', 'bulk')]
  t.is(asked.length, 3)
  t.is(new Set(asked.map(({ ticket }) => ticket)).size, 3)
  for (const { ticket } of asked) t.regex(ticket, tunnelTicketPattern)
  t.true(dials.arrived('a', 'bulk', (ticket) => `a bulk ${ticket}`))
  t.true(dials.arrived('a', 'interactive', () => 'a interactive'))
  t.true(dials.arrived('b', 'bulk', () => 'b bulk'))
  t.deepEqual(await Promise.all(waiting), [`a bulk ${asked[0]?.ticket}`, `a bulk ${asked[0]?.ticket}`, 'a interactive', 'b bulk'])
  t.is(dials.waiting(), 0)
})

test('a connection that nobody waits for is not taken, and nothing is made of it', (t) => {
  const { dials } = fixture()
  t.false(dials.arrived('a', 'bulk', () => t.fail() as unknown as string))
})

test('the agent is asked again with the same ticket, and given up in the end; the next open starts anew', async (t) => {
  const { asked, dials } = fixture(100)
  await t.throwsAsync(dials.session('a', 'bulk'), { message: /did not open a tunnel connection within 15 s/ })
  t.true(asked.length >= 3)
  t.is(new Set(asked.map(({ ticket }) => ticket)).size, 1)
  t.is(dials.waiting(), 0)
  const again = dials.session('a', 'bulk')
  t.not(asked.at(-1)?.ticket, asked[0]?.ticket)
  t.true(dials.arrived('a', 'bulk', () => 'there'))
  t.is(await again, 'there')
  const count = asked.length
  await until('no more requests', () => asked.length === count)
})

test('disconnecting an agent ends its waits and no others', async (t) => {
  const { dials } = fixture()
  const a = dials.session('a', 'bulk')
  const b = dials.session('b', 'bulk')
  dials.reject(new Error('disconnected'), 'a')
  await t.throwsAsync(a, { message: 'disconnected' })
  t.is(dials.waiting(), 1)
  dials.arrived('b', 'bulk', () => 'b')
  t.is(await b, 'b')
})
