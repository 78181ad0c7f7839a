// F-38: the hub says names and nothing else. Whatever is said instead of one, whatever a name turns into, and wherever an API server
// sends a client: nothing but the configured target is connected to.
import { createHmac } from 'node:crypto'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { connect } from 'node:http2'
import test from 'ava'
import { tcpTarget } from '#agent/tunnel/tcp-target.ts'
import type { TunnelTarget } from '#agent/tunnel/types.ts'
import { createAgentSession } from '#agent/tunnel/session.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { noncePayload, tunnelHeaders } from '#shared/contract/tunnel.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { silentLog } from '#shared/log/log.ts'
import { startKubeSite } from '#test/tunnel/kube-proxy/site.ts'
import { echo } from '#test/helpers/tcp.ts'
import { startService, startTunnelFleet } from '#test/tunnel/fixture.ts'

/** Of the loopback port that would answer, and of services that trust whoever reaches them. */
const names = (port: number): string[] => [
  ...[
    `127.0.0.1:${port}`,
    '127.0.0.1',
    `localhost:${port}`,
    'localhost',
    `[::1]:${port}`,
    '::1',
    `[::ffff:127.0.0.1]:${port}`,
    '::ffff:7f00:1',
  ],
  ...[`0x7f000001:${port}`, '0x7f.1', `2130706433:${port}`, '017700000001', '127.1', '127.0.1', '0', '0.0.0.0', '[::]', '①②⑦.⓪.⓪.①'],
  ...[
    '169.254.169.254',
    '169.254.169.254:80',
    '2852039166',
    '0xa9fea9fe',
    '[fd00:ec2::254]',
    'metadata.google.internal',
    '127.0.0.1:10250',
  ],
  ...[`http://127.0.0.1:${port}/`, `https://kube@127.0.0.1:${port}`, `kube@127.0.0.1:${port}`, `kube:${port}`, `kube#@127.0.0.1:${port}`],
  ...[
    'kube.',
    '.kube',
    'KUBE',
    'kube ',
    ' kube',
    'kube\0',
    'kube\t',
    'kube\n',
    'k%75be',
    'kube/../../x',
    '../kube',
    'kube/',
    'kube?',
    '*',
    '',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'x'.repeat(10_000),
    'unix:/run/docker.sock',
    '/var/run/docker.sock',
    'kube,other',
  ],
]

test('F-38: the hub opens nothing under a name that is not one of a target', async (t) => {
  const fleet = await startTunnelFleet(t)
  let connections = 0
  const service = await startService(t, (socket) => {
    connections += 1
    echo(socket)
  })
  const member = await fleet.member({ targets: { kube: service.port } })
  for (const target of names(service.port)) {
    const error = await t.throwsAsync(
      fleet.tunnels.open(member.agentId, { target, class: 'interactive', user: 'me' }),
      { instanceOf: TunnelError },
      target,
    )
    t.is(error?.code, 'TargetNotAllowed', JSON.stringify(target))
  }
  t.is(connections, 0)
  const stream = await fleet.tunnels.open(member.agentId, { target: 'kube', class: 'interactive', user: 'me' })
  stream.destroy()
})

test('F-38: an agent connects to nothing else either, when a hub that has been taken over asks with a right ticket', async (t) => {
  const service = await startService(t, () => t.fail('it was connected to'))
  let opened = 0
  const kube: TunnelTarget = async () => {
    opened += 1
    return (stream) => void stream.resume().end()
  }
  const ticket = 'a'.repeat(43)
  let last = 0
  const server = createServer((socket) => {
    createAgentSession({
      socket: socket as never,
      tunnelClass: 'interactive',
      targets: new Map([['kube', kube]]),
      verify(nonce, target, user) {
        const [digits = '', proof = ''] = nonce.split('.')
        const isRight =
          createHmac('sha256', ticket)
            .update(noncePayload(Number(digits), target, user))
            .digest('base64url') === proof
        if (!isRight || Number(digits) <= last) return false
        last = Number(digits)
        return true
      },
      clock: systemClock,
      log: silentLog,
      onEnd: () => undefined,
      onRoundTrip: () => undefined,
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await once(server, 'close')
  })
  let counter = 0
  const ask = async (target: string, method = 'CONNECT', more: object = {}): Promise<number> => {
    counter += 1
    const proof = createHmac('sha256', ticket)
      .update(noncePayload(counter, target, 'me'))
      .digest('base64url')
    // What breaks HTTP/2's rules costs its connection.
    const session = connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
    session.on('error', () => session.destroy())
    try {
      const stream = session.request({
        ...{ ':method': method, ':authority': target, [tunnelHeaders.nonce]: `${counter}.${proof}`, [tunnelHeaders.user]: 'me' },
        ...(method === 'CONNECT' ? {} : { ':path': '/', ':scheme': 'https' }),
        ...more,
      })
      stream.on('error', () => stream.destroy())
      const status = await new Promise<number>((resolve) => {
        stream.once('response', (headers) => resolve(Number(headers[':status'])))
        stream.once('close', () => resolve(0))
      })
      stream.destroy()
      return status
    } catch {
      // The client library writes no such name.
      return 0
    } finally {
      session.destroy()
    }
  }
  for (const target of names(service.port)) t.not(await ask(target), 200, JSON.stringify(target))
  for (const method of ['GET', 'POST', 'OPTIONS']) t.not(await ask('kube', method, { host: `127.0.0.1:${service.port}` }), 200, method)
  t.is(opened, 0)
  // The authority is what counts, whatever else a request says about where it wants to go.
  t.is(await ask('kube'), 200)
  t.is(await ask('kube', 'CONNECT', { 'x-forwarded-host': `127.0.0.1:${service.port}`, forwarded: 'host=127.0.0.1' }), 200)
  await ask('kube', 'CONNECT', { host: `127.0.0.1:${service.port}` })
  t.true(opened >= 2)
})

test('F-38: a name that is bound again to this machine between two streams is refused from then on', async (t) => {
  const service = await startService(t, () => t.fail('it was connected to'))
  const bound = [
    '127.0.0.1',
    '::1',
    '169.254.169.254',
    'fd00:ec2::254',
    '100.100.100.200',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '0.0.0.0',
  ]
  for (const address of bound) {
    let asked = 0
    const open = tcpTarget({ host: 'rebound.example.com', port: service.port }, systemClock, (_host, done) => {
      asked += 1
      done(null, [{ address, family: address.includes(':') ? 6 : 4 }])
    })
    const error = await t.throwsAsync(open({ user: 'me', tunnelClass: 'bulk', signal: new AbortController().signal }))
    t.regex(error?.message ?? '', /leads to .*, which a name may not/, address)
    t.is(asked, 1, 'what was judged is what would have been connected to')
  }
})

test('F-38: a redirect of the API server is the client’s to follow, and leads nowhere but into the cluster’s own prefix', async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('viewer', 'one')
  const elsewhere = [
    'http://169.254.169.254/latest',
    'https://127.0.0.1:10250/exec',
    '//evil.example/x',
    '/\\evil.example',
    'file:///etc/passwd',
    'x:y',
  ]
  for (const to of elsewhere) {
    const answer = await site.ask(site.at(`/redirect?to=${encodeURIComponent(to)}`), { token })
    t.is(answer.status, 302, to)
    t.is(answer.headers.location, undefined, to)
  }
  const inside = await site.ask(site.at('/redirect?to=/api/v1/pods'), { token })
  t.is(inside.headers.location, '/clusters/one/proxy/api/v1/pods')
  // One request each: nobody on the way followed one.
  t.is(site.kube.seen.length, elsewhere.length + 1)
})
