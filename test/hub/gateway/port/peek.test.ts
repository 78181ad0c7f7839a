import { connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import type { Clock } from '#shared/clock/clock.ts'
import { type PeekResult, peekClientHello } from '#hub/gateway/port/peek.ts'
import { realHello } from './real-hello.ts'

/** A clock whose one timer is fired by hand. */
function manualClock() {
  let due: (() => void) | undefined
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    setTimer(_delayMs, run) {
      due = run
      return { cancel: () => (due = undefined) }
    },
  }
  return { clock, fire: () => due?.() }
}

/** Peeks at one connection; what `whilePeeking` sends cannot have been read before it is over. */
async function peek(whilePeeking: (client: Socket, fire: () => void) => void): Promise<PeekResult> {
  const server = createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const isAccepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  client.on('error', () => {})
  await new Promise((resolve) => client.once('connect', resolve))
  const socket = await isAccepted
  try {
    return await new Promise<PeekResult>((resolve) => {
      const { clock, fire } = manualClock()
      peekClientHello(socket, clock, resolve)
      // Outside the phase of the event loop that reads sockets, as a real timer.
      setImmediate(() => whilePeeking(client, fire))
    })
  } finally {
    client.destroy()
    socket.destroy()
    server.close()
  }
}

test('a hello that has come is read, also when its time was over before this process got to it', async (t) => {
  const hello = await realHello('grpc.fleet.internal', ['h2'])
  const result = await peek((client, fire) => {
    client.write(hello)
    fire()
  })
  t.like(result, { kind: 'hello', serverName: 'grpc.fleet.internal' })
})

test('a client that has said nothing when its time is over is refused', async (t) => {
  t.deepEqual(await peek((_client, fire) => fire()), { kind: 'refused', reason: 'HelloTimeout' })
})
