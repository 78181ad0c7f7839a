import type { webcrypto } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import test, { type ExecutionContext } from 'ava'
import { createHost } from '#agent/host/create.ts'
import { createProbes } from '#agent/host/probes.ts'
import { systemClock } from '#shared/clock/clock.ts'

const host = createHost({ clock: systemClock, environment: { PATH: process.env.PATH } })
const probes = createProbes(host)
const signal = () => AbortSignal.timeout(10_000)

async function listen(t: ExecutionContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function selfSigned(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=registry',
    keys,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 3_600_000),
  })
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return { cert: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` }
}

/** A DNS server that answers every query with one response code. */
async function dnsServer(t: ExecutionContext, responseCode: number | undefined): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address, port }) => {
    if (responseCode === undefined) return
    const answer = Buffer.from(query)
    answer.writeUInt16BE(0x8180 | responseCode, 2)
    answer.writeUInt16BE(0, 10) // No additional records, so EDNS is not echoed.
    let end = 12
    while (query[end]) end += (query[end] ?? 0) + 1
    socket.send(answer.subarray(0, end + 5), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

test('a resolver that says there is no such name has answered', async (t) => {
  t.deepEqual(await probes.askResolver(await dnsServer(t, 3), 'nowhere.example', 2_000), { isAnswered: true, code: 'ENOTFOUND' })
  t.deepEqual(await probes.askResolver(await dnsServer(t, 2), 'nowhere.example', 2_000), { isAnswered: true, code: 'ESERVFAIL' })
})

test('a resolver that is silent has not answered, within the limit', async (t) => {
  const started = performance.now()
  t.deepEqual(await probes.askResolver(await dnsServer(t, undefined), 'nowhere.example', 300), { isAnswered: false, code: 'ETIMEOUT' })
  t.true(performance.now() - started < 5_000)
})

test('localhost resolves, a name that does not exist gives nothing', async (t) => {
  t.true((await probes.lookup('localhost')).includes('127.0.0.1'))
})

test('a registry with a certificate that nobody vouches for is reached, and not trusted', async (t) => {
  const server = createTlsServer(await selfSigned(), (socket) => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
  })
  const port = await listen(t, server)
  const result = await probes.tls({ host: 'localhost', port, path: '/v2/', signal: signal() })
  t.like(result, { stage: 'done', status: 401, isTrusted: false })
  t.regex(result.trustError ?? '', /SELF_SIGNED/)
})

test('the way through an HTTP CONNECT proxy carries its credentials', async (t) => {
  const registry = createTlsServer(await selfSigned(), (socket) => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  const registryPort = await listen(t, registry)
  let head = ''
  const proxy = createServer((client) => {
    client.on('error', () => undefined)
    client.once('data', (data) => {
      head = data.toString()
      const upstream = connect(registryPort, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      upstream.on('error', () => client.destroy())
    })
  })
  const proxyPort = await listen(t, proxy)
  const result = await probes.tls({
    host: 'registry.example',
    port: 5000,
    path: '/v2/',
    signal: signal(),
    proxy: `http://me:pa%3A55@127.0.0.1:${proxyPort}`,
  })
  t.like(result, { stage: 'done', status: 200 })
  t.true(head.startsWith('CONNECT registry.example:5000 HTTP/1.1\r\n'))
  t.true(head.includes(`Proxy-Authorization: Basic ${Buffer.from('me:pa:55').toString('base64')}`))
})

test('where it ends is told: no connection, no TLS', async (t) => {
  const closed = createServer()
  const port = await listen(t, closed)
  closed.close()
  t.like(await probes.tls({ host: '127.0.0.1', port, path: '/', signal: signal() }), { stage: 'connect' })
  const plain = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('SSH-2.0-OpenSSH\r\n')
  })
  t.like(await probes.tls({ host: '127.0.0.1', port: await listen(t, plain), path: '/', signal: signal() }), { stage: 'tls' })
})

test('a server that never answers is given up when the signal says so', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  const result = await probes.tls({ host: '127.0.0.1', port: await listen(t, silent), path: '/', signal: AbortSignal.timeout(100) })
  t.is(result.stage, 'tls')
})

test('the disk measurement is bounded and leaves nothing behind', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fsync-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const { latenciesMs } = await probes.fsync(directory, { recordBytes: 8_000, records: 20, maxMs: 5_000 }, signal())
  t.is(latenciesMs.length, 20)
  t.true(latenciesMs.every((latency) => latency > 0))
  t.deepEqual(readdirSync(directory), [])
  const timed = await probes.fsync(directory, { recordBytes: 8_000, records: 1_000_000, maxMs: 50 }, signal())
  t.true(timed.latenciesMs.length < 1_000_000)
})

test('a directory that cannot be written to is an error', async (t) => {
  await t.throwsAsync(probes.fsync('/proc/self', { recordBytes: 8, records: 1, maxMs: 100 }, signal()))
})
