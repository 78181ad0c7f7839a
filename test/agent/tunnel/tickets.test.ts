import { createHmac } from 'node:crypto'
import test from 'ava'
import { createTickets } from '#agent/tunnel/tickets.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { noncePayload, tunnelLimits } from '#shared/contract/tunnel.ts'

const ticketOf = (letter: string): string => letter.repeat(43)
const nonceOf = (ticket: string, counter: number, target = 'kube', user = 'me'): string =>
  `${counter}.${createHmac('sha256', ticket)
    .update(noncePayload(counter, target, user))
    .digest('base64url')}`

test('a stream is believed when its nonce was made with a ticket that came over the control plane', (t) => {
  const tickets = createTickets(systemClock)
  t.true(tickets.add('bulk', ticketOf('a')))
  const verify = tickets.verifier('bulk')
  t.true(verify(nonceOf(ticketOf('a'), 1), 'kube', 'me'))
  t.true(verify(nonceOf(ticketOf('a'), 2), 'kube', 'me'))
  t.false(verify(nonceOf(ticketOf('b'), 3), 'kube', 'me'))
})

test('a nonce is for one stream, one target and one user', (t) => {
  const tickets = createTickets(systemClock)
  tickets.add('bulk', ticketOf('a'))
  const verify = tickets.verifier('bulk')
  t.true(verify(nonceOf(ticketOf('a'), 5), 'kube', 'me'))
  t.false(verify(nonceOf(ticketOf('a'), 5), 'kube', 'me'))
  t.false(verify(nonceOf(ticketOf('a'), 4), 'kube', 'me'))
  t.false(verify(nonceOf(ticketOf('a'), 6), 'other', 'me'))
  t.false(verify(nonceOf(ticketOf('a'), 6), 'kube', 'you'))
  for (const nonce of [
    '',
    '6',
    '6.',
    '-6.x',
    '6e1.x',
    `06.${'a'.repeat(43)}`,
    `6.${'a'.repeat(42)}`,
    `${'9'.repeat(40)}.${'a'.repeat(43)}`,
  ]) {
    t.false(verify(nonce, 'kube', 'me'), nonce)
  }
  t.true(verify(nonceOf(ticketOf('a'), 6), 'kube', 'me'))
})

test('a ticket is for one connection of its class, once, and not for ever', (t) => {
  let nowMs = 0
  const tickets = createTickets({ ...systemClock, monotonicMs: () => nowMs })
  t.true(tickets.add('bulk', ticketOf('a')))
  t.false(tickets.add('bulk', ticketOf('a')))
  t.false(tickets.add('interactive', ticketOf('a')))
  t.false(tickets.add('bulk', 'short'))
  t.false(tickets.verifier('interactive')(nonceOf(ticketOf('a'), 1), 'kube', 'me'))
  t.true(tickets.verifier('bulk')(nonceOf(ticketOf('a'), 1), 'kube', 'me'))
  t.false(tickets.verifier('bulk')(nonceOf(ticketOf('a'), 2), 'kube', 'me'))
  t.true(tickets.add('bulk', ticketOf('b')))
  nowMs += tunnelLimits.ticketLifetimeMs
  t.false(tickets.verifier('bulk')(nonceOf(ticketOf('b'), 1), 'kube', 'me'))
})

test('a flood of tickets keeps the newest', (t) => {
  const tickets = createTickets(systemClock)
  const names = Array.from({ length: 100 }, (_, index) => String(index).padStart(43, 'x'))
  for (const name of names) t.true(tickets.add('bulk', name))
  t.false(tickets.verifier('bulk')(nonceOf(names[0] ?? '', 1), 'kube', 'me'))
  t.true(tickets.verifier('bulk')(nonceOf(names[99] ?? '', 1), 'kube', 'me'))
})
