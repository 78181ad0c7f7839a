import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { idleConnectionMs } from '#hub/clusters/client.ts'
import { endWhenUnreachable, silentMs } from '#hub/dial/silence.ts'
import { DialError } from '#shared/errors/dial-error.ts'
import { movableClock } from '#test/hub/auth/fixture.ts'
import { listen } from '#test/helpers/tcp.ts'
import { until } from '#test/helpers/until.ts'

/** Connected to a server that hears everything and says only what the test has it say. */
async function connected(t: ExecutionContext, answer: () => Promise<void>) {
  const clock = movableClock()
  const peers: Socket[] = []
  const port = await listen(t, (socket) => void peers.push(socket.resume()))
  const socket = connect(port, '127.0.0.1').resume()
  socket.on('error', () => {})
  await once(socket, 'connect')
  await until('the other end', () => peers.length === 1)
  let dialled = 0
  const dialAgain = () => {
    dialled++
    return answer()
  }
  endWhenUnreachable(socket, { clock, dialAgain })
  /** In steps, as time goes by; what was asked has been answered. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      clock.advance(1_000)
      await new Promise(setImmediate)
    }
  }
  const hear = async (text: string) => {
    const before = socket.bytesRead
    peers[0]?.write(text)
    await until('it to arrive', () => socket.bytesRead === before + text.length)
  }
  return { socket, pass, hear, dialled: () => dialled }
}
const unreachable = (code: 'DialTimeout' | 'TlsExpired') => async () => {
  throw new DialError(code, `said with ${code}`)
}

test('what was sent and not answered ends the connection when the server cannot be dialled any more', async (t) => {
  const { socket, pass, dialled } = await connected(t, unreachable('DialTimeout'))
  socket.write('question')
  const failed = once(socket, 'error')
  await pass(silentMs - 1_000)
  t.is(dialled(), 0)
  await pass(6_000)
  t.is(((await failed)[0] as DialError).code, 'DialTimeout')
  t.true(socket.destroyed)
  await pass(silentMs * 3)
  t.is(dialled(), 1, 'nobody asks for a connection that is gone')
})

test('a server that can be dialled may take its time; it is asked again only when more is said', async (t) => {
  const { socket, pass, hear, dialled } = await connected(t, async () => undefined)
  socket.write('question')
  await pass(silentMs * 4)
  t.is(dialled(), 1)
  socket.write('another')
  await pass(silentMs * 4)
  t.is(dialled(), 2)
  await hear('answer')
  await pass(silentMs * 4)
  t.is(dialled(), 2)
  t.false(socket.destroyed)
  socket.destroy()
})

test('silence ends nothing and asks nothing: not a watch with nothing to say, not one that speaks', async (t) => {
  const { socket, pass, hear, dialled } = await connected(t, unreachable('DialTimeout'))
  await pass(3_600_000)
  for (let n = 0; n < 5; n++) {
    await hear('event')
    await pass(silentMs * 2)
  }
  t.is(dialled(), 0)
  t.false(socket.destroyed)
  socket.destroy()
})

test('a refusal that says nothing about this connection leaves it open', async (t) => {
  const { socket, pass, dialled } = await connected(t, unreachable('TlsExpired'))
  socket.write('question')
  await pass(silentMs * 2)
  t.is(dialled(), 1)
  t.false(socket.destroyed)
  socket.destroy()
})

test('a connection that is kept for the next request is not worth a dial', (t) => t.true(silentMs >= idleConnectionMs))
