// The one port against clients that speak something else, nothing, or very slowly.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import { limits } from '#shared/contract/limits.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { until } from '#test/helpers/until.ts'
import { type Fixture, startFixture } from '../fixture.ts'

let fixture: Fixture
test.before(async () => {
  fixture = await startFixture()
})
test.after.always(() => fixture?.close())

const dial = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectTcp({ host: '127.0.0.1', port: fixture.port }, () => resolve(socket))
    socket.once('error', reject)
  })

/** Everything the hub says until it closes, and how long that took. */
const untilClosed = (socket: Socket): Promise<{ text: string; elapsedMs: number }> =>
  new Promise((resolve) => {
    const start = performance.now()
    let text = ''
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ text, elapsedMs: performance.now() - start }))
  })

/** Sends `bytes` one at a time for as long as the socket is open. */
function drip(socket: Socket, bytes: Buffer, everyMs: number): void {
  let at = 0
  const timer = setInterval(() => {
    if (!socket.writable || at >= bytes.length) clearInterval(timer)
    else socket.write(bytes.subarray(at, ++at))
  }, everyMs)
}

test('plain HTTP gets one line that says to use https', async (t) => {
  const socket = await dial()
  socket.write('GET / HTTP/1.1\r\nHost: hub\r\n\r\n')
  const { text } = await untilClosed(socket)
  t.regex(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
  t.regex(text, /\r\n\r\nThis port speaks TLS only: use https:\/\/\n$/)
})

test('bytes that are neither TLS nor HTTP are not answered', async (t) => {
  const socket = await dial()
  socket.write(Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]))
  t.is((await untilClosed(socket)).text, '')
})

test('a client that says nothing, or drips its hello, is dropped after 3 s while others are served', async (t) => {
  const silent = await dial()
  const dripping = await dial()
  // A record of 300 bytes that never gets there.
  drip(dripping, Buffer.concat([Buffer.from([22, 3, 1, 1, 44, 1, 0, 1, 40]), Buffer.alloc(290)]), 50)
  const [first, second] = [untilClosed(silent), untilClosed(dripping)]
  t.truthy(await fixture.tls(serverNames.enroll).then((socket) => socket.destroy()))
  for (const { elapsedMs } of [await first, await second]) t.true(elapsedMs < limits.clientHelloTimeoutMs + 1500 && elapsedMs > 1500)
  t.true((fixture.gateway.stats().refused.HelloTimeout ?? 0) >= 2)
  await until('nothing to be peeked at', () => fixture.gateway.stats().peeking === 0)
})

test('a thousand silent clients do not keep an agent from connecting', async (t) => {
  const silent = await Promise.all(Array.from({ length: 1000 }, () => dial()))
  const closed = silent.map((socket) => untilClosed(socket))
  const agent = await fixture.agent()
  const start = performance.now()
  const connection = await fixture.natsConnect(agent)
  t.true(performance.now() - start < 2500)
  await connection.close()
  await Promise.all(closed)
})

test('a hello that never ends is dropped at the limit', async (t) => {
  const socket = await dial()
  const record = Buffer.concat([Buffer.from([22, 3, 1, 64, 0]), Buffer.alloc(16_384)])
  record.set([1, 0xff, 0xff, 0xff], 5)
  const closed = untilClosed(socket)
  socket.write(record)
  t.true((await closed).elapsedMs < 2000)
  await until('the count', () => (fixture.gateway.stats().refused.HelloTooLarge ?? 0) >= 1)
})

test('a hello that arrives byte by byte still reaches the right server', async (t) => {
  const raw = await dial()
  const slow = new (await import('node:stream')).Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      for (const byte of chunk) raw.write(Buffer.from([byte]))
      done()
    },
  })
  raw.on('data', (data) => slow.push(data))
  raw.setNoDelay(true)
  const socket = connectTls({ socket: slow, servername: serverNames.enroll, ca: fixture.pki.fleetCaPem, ALPNProtocols: ['h2'] })
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  t.is(socket.alpnProtocol, 'h2')
  t.truthy(socket.getPeerCertificate().subjectaltname?.includes(serverNames.enroll))
  raw.destroy()
})

test('every other name, and none, goes to the web server with all its bytes', async (t) => {
  for (const servername of ['hub.example', 'x.fleet.internal', '']) {
    const before = fixture.recorded.web.length
    const client = connectTls({ host: '127.0.0.1', port: fixture.port, servername, rejectUnauthorized: false })
    client.on('error', () => {})
    await until('the web socket', () => fixture.recorded.web.length > before)
    const socket = fixture.recorded.web.at(-1)
    const bytes = socket?.read() as Buffer
    t.is(bytes[0], 22, servername)
    client.destroy()
  }
})

test('the tunnel name is refused by a hub without tunnels', async (t) => {
  const agent = await fixture.agent()
  await t.throwsAsync(fixture.tls(serverNames.tunnel, agent))
  t.true((fixture.gateway.stats().refused.TunnelNotServed ?? 0) >= 1)
})

test('agents speak TLS 1.3 and nothing older', async (t) => {
  const socket = connectTls({
    host: '127.0.0.1',
    port: fixture.port,
    servername: serverNames.enroll,
    ca: fixture.pki.fleetCaPem,
    maxVersion: 'TLSv1.2',
  })
  await t.throwsAsync(
    new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    }),
  )
})

test('a handshake that stops half-way costs its own timeout only', async (t) => {
  const agent = await fixture.agent()
  const stuck = await dial()
  // A real hello, and then silence.
  const probe = connectTls({ socket: stuck, servername: serverNames.nats, ca: fixture.pki.fleetCaPem })
  probe.on('error', () => {})
  stuck.pause()
  const connection = await fixture.natsConnect(agent)
  t.false(connection.isClosed())
  await connection.close()
  stuck.destroy()
})
