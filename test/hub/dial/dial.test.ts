import type { Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { dial } from '#hub/dial/dial.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { DialError } from '#shared/errors/dial-error.ts'
import type { Proxy } from '#shared/net/proxy-url.ts'
import { startMicrosocks, startTinyproxy } from '#test/agent/link/proxies.ts'
import { freePort } from '#test/helpers/ports.ts'
import { echo, listen, roundTrip } from '#test/helpers/tcp.ts'

const clock = systemClock

async function failure(t: ExecutionContext, dialled: Promise<Socket>): Promise<{ code: string; message: string }> {
  const { code, message } = (await t.throwsAsync(dialled, { name: 'DialError' })) as DialError
  return { code, message }
}

test('a direct connection carries bytes both ways, and a name is dialled at what it was resolved to', async (t) => {
  const port = await listen(t, echo)
  t.is(await roundTrip(await dial({ host: '127.0.0.1', port, clock })), 'ping')
  let asked = 0
  const resolve = async () => {
    asked += 1
    return ['127.0.0.1']
  }
  t.is(await roundTrip(await dial({ host: 'api.test', port, clock, resolve })), 'ping')
  t.is(asked, 1)
})

test('the next address is tried when one does not answer', async (t) => {
  const port = await listen(t, echo)
  t.is(await roundTrip(await dial({ host: 'api.test', port, clock, resolve: async () => ['::1', '127.0.0.1'] })), 'ping')
})

test('a port without a listener is Unreachable and names every address that was tried', async (t) => {
  const port = await freePort()
  const { code, message } = await failure(t, dial({ host: 'api.test', port, clock, resolve: async () => ['::1', '127.0.0.1'] }))
  t.is(code, 'Unreachable')
  t.regex(message, new RegExp(`cannot connect to api.test:${port}: .*::1.*127\\.0\\.0\\.1`))
})

test('a name that does not resolve is NameNotFound', async (t) => {
  t.is((await failure(t, dial({ host: 'no-such-host.invalid', port: 443, clock }))).code, 'NameNotFound')
})

test('a name that resolves to forbidden addresses only is refused; beside others they are left out', async (t) => {
  const bad = ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254']
  const { code, message } = await failure(t, dial({ host: 'api.test', port: 80, clock, resolve: async () => bad }))
  t.is(code, 'AddressForbidden')
  t.regex(message, /api\.test is 169\.254\.169\.254/)
  const port = await listen(t, echo)
  t.is(await roundTrip(await dial({ host: 'api.test', port, clock, resolve: async () => [...bad, '127.0.0.1'] })), 'ping')
})

for (const [kind, start] of [
  ['socks5', startMicrosocks],
  ['http', startTinyproxy],
] as const) {
  test(`a ${kind} proxy with the right credentials resolves the name and carries the bytes`, async (t) => {
    const port = await listen(t, echo)
    const running = await start(t)
    const resolve = async () => {
      throw new Error('the name is for the proxy to resolve')
    }
    t.is(await roundTrip(await dial({ host: 'localhost', port, proxy: { kind, ...running }, clock, resolve })), 'ping')
  })

  test(`a ${kind} proxy with a wrong password, or without one, is ProxyAuthenticationFailed and the password is not said`, async (t) => {
    const port = await listen(t, echo)
    const { host, port: proxyPort, username } = await start(t)
    for (const proxy of [
      { host, port: proxyPort, kind, username, password: 'canary-wrong' },
      { host, port: proxyPort, kind },
    ] as Proxy[]) {
      const { code, message } = await failure(t, dial({ host: '127.0.0.1', port, proxy, clock }))
      t.is(code, 'ProxyAuthenticationFailed')
      t.false(message.includes('canary'))
    }
  })

  test(`a ${kind} proxy is not asked for a forbidden address in any spelling`, async (t) => {
    const running = await start(t)
    for (const host of ['169.254.169.254', '0xa9fea9fe', '::ffff:169.254.169.254', 'fe80::1'])
      t.is((await failure(t, dial({ host, port: 80, proxy: { kind, ...running }, clock }))).code, 'AddressForbidden', host)
    t.false(running.log().includes('169.254'))
  })
}

test('a target that refuses is what the proxy said', async (t) => {
  const proxy = { kind: 'socks5' as const, ...(await startMicrosocks(t)) }
  const { code, message } = await failure(t, dial({ host: '127.0.0.1', port: await freePort(), proxy, clock }))
  t.is(code, 'ProxyRefused')
  t.regex(message, /connection refused/)
})

test('a proxy that is not there is ProxyUnreachable, one that is none ProxyProtocol, one at a forbidden address is not dialled', async (t) => {
  const at = (host: string, port: number) => ({ kind: 'http' as const, host, port })
  t.is((await failure(t, dial({ host: 'api', port: 1, proxy: at('127.0.0.1', await freePort()), clock }))).code, 'ProxyUnreachable')
  const port = await listen(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  t.is((await failure(t, dial({ host: 'api', port: 1, proxy: at('127.0.0.1', port), clock }))).code, 'ProxyProtocol')
  t.is((await failure(t, dial({ host: 'api', port: 1, proxy: at('169.254.169.254', 80), clock }))).code, 'ProxyUnreachable')
})

test('a proxy that never answers ends with the deadline, and its socket is gone', async (t) => {
  const closed = Promise.withResolvers<void>()
  const port = await listen(t, (socket) => socket.resume().once('close', () => closed.resolve()))
  const proxy = { kind: 'http' as const, host: '127.0.0.1', port }
  t.is((await failure(t, dial({ host: 'api', port: 443, proxy, clock, timeoutMs: 200 }))).code, 'DialTimeout')
  await closed.promise
})

test('an abort ends it with its reason, also while a name is being resolved', async (t) => {
  const abort = new AbortController()
  const dialled = dial({ host: 'api.test', port: 1, clock, signal: abort.signal, resolve: () => new Promise(() => {}) })
  abort.abort(new Error('enough'))
  await t.throwsAsync(dialled, { message: 'enough' })
})
