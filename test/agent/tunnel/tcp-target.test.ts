import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import { refusedAddress, tcpTarget } from '#agent/tunnel/tcp-target.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'

const context = (signal = new AbortController().signal) => ({ user: 'me', tunnelClass: 'bulk', signal }) as const

test('a name may not lead to an address that trusts whoever reaches it', (t) => {
  for (const address of [
    ...['127.0.0.1', '127.8.8.8', '::1', '169.254.169.254', 'fe80::1', '224.0.0.1', 'ff02::1', '0.0.0.0', '0.1.2.3', '::'],
    ...['::ffff:127.0.0.1', '::ffff:169.254.169.254', '::ffff:7f00:1', 'nonsense', ''],
    ...[
      '::127.0.0.1',
      '::ffff:0:127.0.0.1',
      '64:ff9b::127.0.0.1',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::a9fe:a9fe',
      '2002:7f00:1::',
      '2002:a9fe:a9fe::1',
    ],
    ...['100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254', '168.63.129.16', '192.0.0.192', '::ffff:100.100.100.200', '::2'],
  ]) {
    t.truthy(refusedAddress(address), address)
  }
  for (const address of [
    '10.0.0.1',
    '192.168.1.1',
    '1.1.1.1',
    'fd00::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '2002:a00:1::1',
  ]) {
    t.is(refusedAddress(address), undefined, address)
  }
})

test('DNS rebinding: what was judged is what is connected to, and a name that turns to loopback is refused', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as { port: number }
  const answers = [['127.0.0.1'], ['::ffff:127.0.0.1'], ['169.254.169.254', '::1'], []]
  let asked = 0
  const open = tcpTarget({ host: 'kube.example.com', port }, systemClock, (_host, done) => {
    const addresses = answers[asked++] ?? []
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  })
  for (const _ of answers) {
    const error = await t.throwsAsync(open(context()), { instanceOf: TunnelError })
    t.is(error.code, 'TargetUnreachable')
    t.regex(error.message, /kube\.example\.com leads to/)
  }
  t.is(asked, answers.length)
  t.is(connections, 0)
})

test('a target that refuses, and one that is given up, leave no connection', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const refused = await t.throwsAsync(tcpTarget({ host: '127.0.0.1', port }, systemClock)(context()), { instanceOf: TunnelError })
  t.is(refused.code, 'TargetUnreachable')
  const reason = new Error('not needed')
  await t.throwsAsync(tcpTarget({ host: '127.0.0.1', port }, systemClock)(context(AbortSignal.abort(reason))), { is: reason })
})

test('localhost in the policy is this machine', async (t) => {
  const accepted = Promise.withResolvers<Socket>()
  const server = createServer((socket) => accepted.resolve(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const other = connect({ port, host: '127.0.0.1' })
  t.teardown(async () => {
    server.close()
    await once(server, 'close')
  })
  const take = await tcpTarget({ host: 'localhost', port }, systemClock)(context())
  t.is(typeof take, 'function')
  // Whoever takes a target gets a stream that is dead already, and the connection is broken.
  const { PassThrough } = await import('node:stream')
  const dead = new PassThrough()
  dead.destroy()
  take(dead)
  const socket = await accepted.promise
  socket.destroy()
  other.destroy()
  for (const one of [socket, other]) if (!one.closed) await once(one, 'close')
})
