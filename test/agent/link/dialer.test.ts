import { once } from 'node:events'
import test from 'ava'
import { dial } from '#agent/link/dialer.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { freePort } from '#test/helpers/ports.ts'
import { echo, listen, roundTrip } from '#test/helpers/tcp.ts'
import { until } from '#test/helpers/until.ts'
import { startMicrosocks, startTinyproxy } from './proxies.ts'

const clock = systemClock

test('a direct connection carries bytes both ways', async (t) => {
  const port = await listen(t, echo)
  t.is(await roundTrip(await dial({ host: '127.0.0.1', port, clock })), 'ping')
})

test('a port without a listener is HubUnreachable and names it', async (t) => {
  const port = await freePort()
  const error = await t.throwsAsync(dial({ host: '127.0.0.1', port, clock }))
  t.is((error as { code?: string }).code, 'HubUnreachable')
  t.regex(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*ECONNREFUSED`))
})

test('an unknown name is NameNotFound', async (t) => {
  const error = await t.throwsAsync(dial({ host: 'no-such-host.invalid', port: 443, clock }))
  t.is((error as { code?: string }).code, 'NameNotFound')
})

test('microsocks with the right credentials resolves the name and carries the bytes', async (t) => {
  const port = await listen(t, echo)
  const proxy = { kind: 'socks5' as const, ...(await startMicrosocks(t)) }
  t.is(await roundTrip(await dial({ host: 'localhost', port, proxy, clock })), 'ping')
})

test('microsocks with a wrong password is "SOCKS5 authentication failed", without credentials too', async (t) => {
  const port = await listen(t, echo)
  const { host, port: proxyPort, username } = await startMicrosocks(t)
  const at = { kind: 'socks5' as const, host, port: proxyPort }
  for (const proxy of [{ ...at, username, password: 'wrong' }, at]) {
    const error = await t.throwsAsync(dial({ host: '127.0.0.1', port, proxy, clock }))
    t.is((error as { code?: string }).code, 'ProxyAuthenticationFailed')
    t.regex(error.message, /^SOCKS5 authentication failed/)
    t.notRegex(error.message, /wrong/)
  }
})

test('a target that refuses is reported as what the SOCKS5 proxy said', async (t) => {
  const proxy = { kind: 'socks5' as const, ...(await startMicrosocks(t)) }
  const error = await t.throwsAsync(dial({ host: '127.0.0.1', port: await freePort(), proxy, clock }))
  t.is((error as { code?: string }).code, 'ProxyRefused')
  t.regex(error.message, /connection refused/)
})

test('tinyproxy with the right credentials carries the bytes', async (t) => {
  const port = await listen(t, echo)
  const proxy = { kind: 'http' as const, ...(await startTinyproxy(t)) }
  t.is(await roundTrip(await dial({ host: 'localhost', port, proxy, clock })), 'ping')
})

test('tinyproxy with a wrong password is "HTTP CONNECT refused: 40x"', async (t) => {
  const port = await listen(t, echo)
  const running = await startTinyproxy(t)
  const error = await t.throwsAsync(dial({ host: '127.0.0.1', port, proxy: { kind: 'http', ...running, password: 'wrong' }, clock }))
  t.regex(error.message, /^HTTP CONNECT refused: 40[17]/)
  t.notRegex(error.message, /wrong/)
})

test('407 of an HTTP proxy is ProxyAuthenticationFailed with its phrase', async (t) => {
  const port = await listen(t, (socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'))
  const error = await t.throwsAsync(dial({ host: 'hub', port: 443, proxy: { kind: 'http', host: '127.0.0.1', port }, clock }))
  t.is((error as { code?: string }).code, 'ProxyAuthenticationFailed')
  t.regex(error.message, /^HTTP CONNECT refused: 407 Proxy Authentication Required/)
})

test('the name goes to the SOCKS5 proxy as a name, an IPv6 address as 16 bytes', async (t) => {
  const requests: (Buffer | string)[] = []
  const port = await listen(t, (socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]))
      socket.once('data', (request) => {
        requests.push(request)
        socket.end(Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]))
      })
    })
  })
  const proxy = { kind: 'socks5' as const, host: '127.0.0.1', port }
  for (const host of ['hub.only.behind.proxy', '2001:db8::7', '::ffff:192.0.2.1']) {
    const error = await t.throwsAsync(dial({ host, port: 443, proxy, clock }))
    t.regex(error.message, /not allowed by its rules/)
  }
  t.deepEqual(requests, [
    Buffer.concat([Buffer.from([5, 1, 0, 3, 21]), Buffer.from('hub.only.behind.proxy'), Buffer.from([1, 187])]),
    Buffer.from('0501000420010db800000000000000000000000701bb', 'hex'),
    Buffer.from('0501000400000000000000000000ffffc000020101bb', 'hex'),
  ])
})

test('bytes of the target that came with the answer of the proxy are not lost, in whatever pieces it came', async (t) => {
  const port = await listen(t, (socket) => {
    socket.once('data', () => {
      const answer = 'HTTP/1.1 200 Connection established\r\nX-A: b\r\n\r\nfirst words'
      let at = 0
      const next = () => {
        if (at < answer.length) socket.write(answer.slice(at, (at += 7)), () => setImmediate(next))
      }
      next()
    })
  })
  const socket = await dial({ host: 'hub', port: 443, proxy: { kind: 'http', host: '127.0.0.1', port }, clock })
  let text = ''
  for await (const part of socket) {
    text += String(part)
    if (text.length >= 'first words'.length) break
  }
  t.is(text, 'first words')
})

test('what is no proxy is said to be none', async (t) => {
  const port = await listen(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  for (const kind of ['http', 'socks5'] as const) {
    const error = await t.throwsAsync(dial({ host: 'hub', port: 443, proxy: { kind, host: '127.0.0.1', port }, clock }))
    t.is((error as { code?: string }).code, 'ProxyProtocol')
  }
})

test('a proxy that never answers ends with the limit, and its socket is gone', async (t) => {
  const closed: Promise<unknown>[] = []
  const port = await listen(t, (socket) => void closed.push(once(socket.resume(), 'close')))
  const error = await t.throwsAsync(
    dial({ host: 'hub', port: 443, proxy: { kind: 'http', host: '127.0.0.1', port }, clock, timeoutMs: 200 }),
  )
  t.is((error as { code?: string }).code, 'DialTimeout')
  await until('the proxy to see the connection', () => closed.length === 1)
  await Promise.all(closed)
})

test('an endless answer of a proxy is cut off', async (t) => {
  const port = await listen(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(64 * 1024)}`))
  const error = await t.throwsAsync(dial({ host: 'hub', port: 443, proxy: { kind: 'http', host: '127.0.0.1', port }, clock }))
  t.is((error as { code?: string }).code, 'ProxyProtocol')
})

test('an abort ends the dialling with its reason', async (t) => {
  const port = await listen(t, () => {})
  const abort = new AbortController()
  const dialled = dial({ host: 'hub', port: 443, proxy: { kind: 'http', host: '127.0.0.1', port }, clock, signal: abort.signal })
  abort.abort(new Error('enough'))
  await t.throwsAsync(dialled, { message: 'enough' })
})
