import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { dial } from '#hub/dial/dial.ts'
import { type DialTlsOptions, startTls } from '#hub/dial/tls.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { DialError } from '#shared/errors/dial-error.ts'
import { listen, listenWith } from '#test/helpers/tcp.ts'
import { testCa } from './certificates.ts'

const clock = systemClock

function serve(t: ExecutionContext, options: TlsOptions | ((socket: Socket) => void)): Promise<number> {
  if (typeof options === 'function') return listen(t, options)
  const server = createServer(options, (socket) => void socket.end('hello'))
  // A client that refuses the certificate is what these tests are about.
  return listenWith(
    t,
    server.on('tlsClientError', () => {}),
  )
}

async function start(port: number, options: Partial<DialTlsOptions>) {
  const socket = await dial({ host: '127.0.0.1', port, clock })
  return startTls(socket, { servername: '127.0.0.1', where: `127.0.0.1:${port}`, clock, ...options })
}

async function codeOf(t: ExecutionContext, port: number, options: Partial<DialTlsOptions>): Promise<string> {
  const error = (await t.throwsAsync(start(port, options), { name: 'DialError' })) as DialError
  t.true(error.message.startsWith(`127.0.0.1:${port}`), error.message)
  return error.code
}

test('a server of the given CA is trusted, by address or by the name that is asked for', async (t) => {
  const ca = await testCa()
  const port = await serve(t, { ...(await ca.issue()) })
  for (const servername of ['127.0.0.1', 'localhost']) {
    const secure = await start(port, { ca: ca.cert, servername })
    t.true(secure.authorized)
    t.is(String((await once(secure, 'data'))[0]), 'hello')
    secure.destroy()
  }
})

test('another CA, no CA, another name, and a certificate out of its time are told apart', async (t) => {
  const ca = await testCa()
  const port = await serve(t, { ...(await ca.issue()) })
  t.is(await codeOf(t, port, { ca: (await testCa()).cert }), 'TlsUntrusted')
  t.is(await codeOf(t, port, {}), 'TlsUntrusted')
  t.is(await codeOf(t, port, { ca: ca.cert, servername: 'api.example.org' }), 'TlsWrongName')
  const old = await serve(t, { ...(await ca.issue({ notAfter: new Date(Date.now() - 1000) })) })
  t.is(await codeOf(t, old, { ca: ca.cert }), 'TlsExpired')
  const early = await serve(t, { ...(await ca.issue({ notBefore: new Date(Date.now() + 3_600_000) })) })
  t.is(await codeOf(t, early, { ca: ca.cert }), 'TlsExpired')
})

test('what speaks no TLS, or closes at once, is TlsFailed; what says nothing is DialTimeout', async (t) => {
  t.is(await codeOf(t, await serve(t, (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), {}), 'TlsFailed')
  t.is(await codeOf(t, await serve(t, (socket) => void socket.destroy()), {}), 'TlsFailed')
  t.is(await codeOf(t, await serve(t, (socket) => void socket.resume()), { timeoutMs: 200 }), 'DialTimeout')
})
