import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import test, { type ExecutionContext } from 'ava'
import { probeProcedures } from '#agent/link/grpc-health.ts'
import { openPki } from '#hub/pki/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { listenWith } from '#test/helpers/tcp.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

/** A server that answers each call in its own way, and the probe of it. */
async function probeOf(t: ExecutionContext, answer: (stream: ServerHttp2Stream) => void, timeoutMs = 10_000) {
  const pki = await openPki({ dataDir: await tempDir(t), names: ['localhost'], clock: systemClock })
  const server = createSecureServer({ ...pki.agentTls, ALPNProtocols: ['h2'] })
  let asked = ''
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    asked = `${headers[':method']} ${headers[':path']} ${headers['content-type']} ${headers.te}`
    stream.on('error', () => {})
    answer(stream)
  })
  const port = await listenWith(t, server)
  const state = await probeProcedures(
    {
      hub: { host: '127.0.0.1', port },
      clock: systemClock,
      tls: () => ({ servername: serverNames.grpc, trust: { fleetCa: pki.fleetCaPem, pins: pki.pins } }),
    },
    timeoutMs,
  )
  return { state, asked: () => asked, server }
}

const headers = { ':status': 200, 'content-type': 'application/grpc' }
const answered = (status: string, message?: Buffer) => (stream: ServerHttp2Stream) => {
  stream.respond(headers, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
  stream.end(message)
}

test('a server that says SERVING is up, and was asked as gRPC asks', async (t) => {
  const { state, asked } = await probeOf(t, answered('0', Buffer.from([0, 0, 0, 0, 2, 8, 1])))
  t.like(state, { name: 'grpc', ok: true, reason: '' })
  t.true(state.roundTripUs > 0)
  t.is(asked(), 'POST /grpc.health.v1.Health/Check application/grpc trailers')
})

test('a server that says NOT_SERVING, or nothing, is not', async (t) => {
  t.like((await probeOf(t, answered('0', Buffer.from([0, 0, 0, 0, 2, 8, 2])))).state, { ok: false, reason: 'NotServing', roundTripUs: 0 })
  t.like((await probeOf(t, answered('0', Buffer.alloc(5)))).state, { ok: false, reason: 'NotServing' })
})

test('a server without a health service has answered all the same; refusals and failures have their own words', async (t) => {
  const only = (status: string) => (stream: ServerHttp2Stream) => stream.respond({ ...headers, 'grpc-status': status }, { endStream: true })
  t.like((await probeOf(t, only('12'))).state, { ok: true })
  t.like((await probeOf(t, only('16'))).state, { ok: false, reason: 'Refused' })
  t.like((await probeOf(t, only('14'))).state, { ok: false, reason: 'Unavailable' })
})

test('no status, too long an answer, silence and nobody there are each a reason, never an exception', async (t) => {
  t.like((await probeOf(t, (stream) => stream.respond(headers, { endStream: true }))).state, { ok: false, reason: 'Unavailable' })
  t.like((await probeOf(t, answered('0', Buffer.alloc(100_000)))).state, { ok: false, reason: 'Unavailable' })
  t.like((await probeOf(t, () => {}, 300)).state, { ok: false, reason: 'Timeout' })
  const gone = await probeProcedures(
    {
      hub: { host: '127.0.0.1', port: 1 },
      clock: systemClock,
      tls: () => ({ servername: serverNames.grpc, trust: { fleetCa: '', pins: [] } }),
    },
    5_000,
  )
  t.like(gone, { ok: false, reason: 'Unavailable' })
})
