import test from 'ava'
import { createFlow } from '#hub/api/terminal/flow.ts'

function start(isOwnProtocol: boolean) {
  const pings: Buffer[] = []
  let consumed = 0
  const flow = createFlow({
    ...{ windowBytes: 1000, isOwnProtocol },
    ping: (payload) => pings.push(payload),
    consumed: (bytes) => (consumed += bytes),
  })
  return { flow, pings, consumed: () => consumed }
}

test('a pong confirms what was sent before its ping and nothing after it', (t) => {
  const { flow, pings, consumed } = start(false)
  flow.sent(200)
  t.is(pings.length, 0)
  flow.sent(100)
  t.is(pings.length, 1)
  flow.sent(400)
  t.is(pings.length, 1)
  flow.pong(pings[0] as Buffer)
  t.is(consumed(), 300)
  t.is(pings.length, 2)
  flow.pong(pings[1] as Buffer)
  t.is(consumed(), 700)
  t.is(flow.outstandingBytes(), 0)
})

test('a pong that nobody asked for, or of another time, confirms nothing', (t) => {
  const { flow, pings, consumed } = start(false)
  flow.pong(Buffer.from('0'))
  flow.sent(500)
  for (const payload of ['', '0', 'zz', '999999']) flow.pong(Buffer.from(payload))
  t.is(consumed(), 0)
  flow.pong(pings[0] as Buffer)
  flow.pong(pings[0] as Buffer)
  t.is(consumed(), 500)
})

test('the own protocol confirms what was shown, and never more than was sent', (t) => {
  const { flow, pings, consumed } = start(true)
  flow.sent(900)
  t.is(pings.length, 0)
  flow.acknowledged(600)
  t.is(consumed(), 600)
  t.throws(() => flow.acknowledged(301))
})

test('while no input is taken from a client, what has left counts, and is not counted again', (t) => {
  for (const isOwn of [false, true]) {
    const { flow, pings, consumed } = start(isOwn)
    flow.sent(800)
    flow.flushed(300)
    t.is(consumed(), 0)
    flow.setPaused(true)
    t.is(consumed(), 300)
    flow.flushed(500)
    t.is(consumed(), 800)
    flow.setPaused(false)
    if (isOwn) flow.acknowledged(800)
    else flow.pong(pings[0] as Buffer)
    t.is(consumed(), 800)
  }
})
