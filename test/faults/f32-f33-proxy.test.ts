// F-32, F-33 on the way to a cluster: what is too long, never ends or comes byte by byte costs its sender and nobody else, neither in
// the hub nor in the agent.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as connectHttp2, constants } from 'node:http2'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test, { type ExecutionContext } from 'ava'
import { startApi } from '#test/hub/api/fixture.ts'
import { type KubeSite, startKubeSite } from '#test/tunnel/kube-proxy/site.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { connectFrames, frame, frameFlag, frameType, headerBlock } from './http2-frames.ts'
import { agentKubeconfigOf, plainAnswer, type RawKube, startRawKube } from './raw-kube.ts'

const mebibyte = 1024 * 1024
const block = Buffer.alloc(64 * 1024, 'x')

async function startRaw(t: ExecutionContext): Promise<{ site: KubeSite; kube: RawKube; token: string; own: string }> {
  const kube = await startRawKube(t as never)
  const path = join(await tempDir(t as never), 'agent.kubeconfig')
  await writeFile(path, agentKubeconfigOf(kube))
  const site = await startKubeSite(t, { kubeconfig: path })
  const token = await site.tokenFor('admin', 'one')
  return { site, kube, token, own: `Host: ${site.host}\r\nAuthorization: Bearer ${token}\r\n` }
}

async function connectHttp1(t: ExecutionContext, site: KubeSite): Promise<{ socket: TLSSocket; text(): string }> {
  const socket = connectTls({ host: '127.0.0.1', port: site.port, ca: site.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
  t.teardown(() => void socket.destroy())
  let text = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await once(socket, 'secureConnect')
  return { socket, text: () => text }
}

const nothingOpen = (site: KubeSite) => site.fleet.tunnels.stats().unreadBytes === 0 && site.member.server.stats().unreadBytes === 0

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What the process holds beyond what it held before, at most, while `run` goes on; garbage does not count. MiB. */
async function peakMiB(run: () => Promise<unknown>): Promise<number> {
  const held = () => {
    collect()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    return heapUsed + external + arrayBuffers
  }
  const before = held()
  let peak = before
  const timer = setInterval(() => (peak = Math.max(peak, held())), 250)
  try {
    await run()
  } finally {
    clearInterval(timer)
  }
  return (peak - before) / mebibyte
}

test.serial('F-32: a header of a byte more than the limit is refused by the hub, one of the limit passes to the cluster', async (t) => {
  const { site, kube, own } = await startRaw(t)
  const ask = async (padBytes: number) => {
    const { socket, text } = await connectHttp1(t, site)
    socket.write(`GET ${site.at('/x')} HTTP/1.1\r\n${own}Connection: close\r\nUser-Agent: ${'u'.repeat(padBytes)}\r\n\r\n`)
    await until('an answer', () => /^HTTP\/1.1 \d{3}/.exec(text())?.[0])
    socket.destroy()
    return Number(text().slice(9, 12))
  }
  let [most, least] = [0, 64 * 1024]
  while (least - most > 1) {
    const middle = Math.floor((most + least) / 2)
    if ((await ask(middle)) === 200) most = middle
    else least = middle
  }
  t.true(most > 30 * 1024 && most <= 32 * 1024, `${most} bytes pass`)
  t.is(await ask(most), 200)
  t.is(await ask(most + 1), 431)
  t.true(kube.requests.every(({ fields }) => JSON.stringify(fields).length < 33 * 1024))
})

test.serial('F-32: a body without end streams with the memory of a window, however slowly the cluster reads', async (t) => {
  const { site, token, kube } = await startRaw(t)
  // It reads nothing of the body.
  kube.onHead = (socket) => void socket.pause()
  const client = connectHttp2(`https://${site.host}`, { ca: site.ca })
  t.teardown(() => client.destroy())
  let sentBytes = 0
  const grown = await peakMiB(async () => {
    const streams = Array.from({ length: 4 }, () => {
      const stream = client.request({ ':method': 'POST', ':path': site.at('/endless'), authorization: `Bearer ${token}` })
      stream.on('error', () => stream.destroy())
      const go = () => {
        do sentBytes += block.length
        while (!stream.destroyed && stream.write(block))
      }
      stream.on('drain', go)
      go()
      return stream
    })
    let last = -1
    await until('everything to be full', () => sentBytes > 0 && last === (last = sentBytes), { intervalMs: 700, timeoutMs: 60_000 })
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
  })
  t.log(`${(sentBytes / mebibyte).toFixed(1)} MiB were taken, ${grown.toFixed(1)} MiB held by hub, agent and client`)
  // Four windows of hub and of tunnel, buffers of loopback, and what the client itself has in hand.
  t.true(sentBytes < 64 * mebibyte)
  t.true(grown < 64)
  await until('all of it to be let go', () => nothingOpen(site) && site.client.stats().pools === 0)
})

test.serial('F-32: an answer before the end of the body reaches the client, and a body that goes on is cut', async (t) => {
  const { site, own, token, kube } = await startRaw(t)
  for (const isKept of [true, false]) {
    const answer = 'HTTP/1.1 413 Too Large\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n'
    const early = `${answer}${isKept ? '' : 'Connection: close\r\n'}\r\ntoo long`
    kube.onHead = (socket) => {
      socket.write(early)
      socket.pause()
      if (!isKept) socket.end()
    }
    const { socket, text } = await connectHttp1(t, site)
    socket.write(`POST ${site.at('/early')} HTTP/1.1\r\n${own}Transfer-Encoding: chunked\r\n\r\n`)
    const chunk = Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')])
    const go = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', go)
    go()
    await until('the early answer', () => text().includes('too long'))
    t.regex(text(), /^HTTP\/1.1 413 /)
    await until('the connection of who goes on sending to be ended', () => socket.destroyed, { timeoutMs: 30_000 })

    const client = connectHttp2(`https://${site.host}`, { ca: site.ca })
    const stream = client.request({ ':method': 'POST', ':path': site.at('/early'), authorization: `Bearer ${token}` })
    stream.on('error', () => stream.destroy())
    let got = ''
    stream.on('data', (data) => (got += String(data)))
    const more = () => {
      while (!stream.destroyed && !stream.closed && stream.write(block));
    }
    stream.on('drain', more)
    more()
    await until('the early answer over HTTP/2', () => got === 'too long')
    await until('the stream to be ended', () => stream.destroyed || stream.closed, { timeoutMs: 30_000 })
    client.destroy()
  }
  await until('nothing to be left', () => site.client.stats().pools === 0 && nothingOpen(site), { timeoutMs: 30_000 })
})

test.serial('F-32: DATA frames of one byte, a flood of CONTINUATION and rapid reset are bounded, and others are served', async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('admin', 'one')
  const fields = (path: string, method = 'POST') =>
    [
      [':method', method],
      [':scheme', 'https'],
      [':path', site.at(path)],
      [':authority', site.host],
      ['authorization', `Bearer ${token}`],
    ] as const
  const isServed = async () => (await site.ask(site.at('/version'), { token })).status === 200

  // Read as fast as they come, they are a body like any other.
  const small = await connectFrames({ port: site.port, ca: site.ca })
  const one = frame(frameType.data, 0, 1, Buffer.from('a'))
  const burst = Buffer.concat(Array.from({ length: 1000 }, () => one))
  const grown = await peakMiB(async () => {
    small.send(frame(frameType.headers, frameFlag.endHeaders, 1, headerBlock(fields('/digest'))))
    for (let index = 0; index < 100 && !small.socket.destroyed; index++)
      if (!small.send(burst)) await Promise.race([once(small.socket, 'drain'), small.closed])
    small.send(frame(frameType.data, frameFlag.endStream, 1))
    await until('the stream to be answered or ended', () =>
      small.socket.destroyed ? true : small.frames.some(({ type, streamId }) => streamId === 1 && type !== frameType.windowUpdate),
    )
  })
  t.true(small.frames.some(({ payload }) => payload.includes('"bytes":100000')))
  small.socket.destroy()
  t.log(`100,000 frames of one byte: ${grown.toFixed(1)} MiB at most`)
  t.true(grown < 128)
  t.true(await isServed())

  // Left lying because nobody reads them, each of them is an object in the hub: the stream is ended.
  const deaf = await startApi(t as never, {
    routes: [
      (app) => {
        void app.register(async (scope) => {
          scope.removeAllContentTypeParsers()
          scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
          scope.post('/clusters/one/proxy/unread', { config: { access: 'public' } }, () => new Promise(() => {}))
        })
      },
    ],
  })
  const unread = await connectFrames({ port: deaf.port, ca: deaf.ca })
  unread.send(frame(frameType.headers, frameFlag.endHeaders, 1, headerBlock(fields('/unread'))))
  const heldUnread = await peakMiB(async () => {
    for (let index = 0; index < 100 && !unread.socket.destroyed; index++)
      if (!unread.send(burst)) await Promise.race([once(unread.socket, 'drain'), unread.closed])
    await until('the stream to be ended', () =>
      unread.socket.destroyed ? true : unread.frames.some(({ type, streamId }) => streamId === 1 && type === frameType.reset),
    )
  })
  t.log(`frames of one byte that nobody reads: ${heldUnread.toFixed(1)} MiB at most`)
  t.true(heldUnread < 16)
  unread.socket.destroy()
  t.true(await isServed())

  // A header block that never ends (CVE-2024-27983 and its like).
  const flood = await connectFrames({ port: site.port, ca: site.ca })
  const heldByFlood = await peakMiB(async () => {
    flood.send(frame(frameType.headers, 0, 1, headerBlock(fields('/flood'))))
    const more = frame(
      frameType.continuation,
      0,
      1,
      headerBlock(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y'.repeat(100)])),
    )
    for (let index = 0; index < 1000 && !flood.socket.destroyed; index++)
      if (!flood.send(more)) await Promise.race([once(flood.socket, 'drain'), flood.closed])
    await until('the connection to be ended', () => flood.socket.destroyed)
  })
  t.log(`10 MiB of CONTINUATION: ${heldByFlood.toFixed(1)} MiB at most`)
  t.true(heldByFlood < 96)
  t.true(await isServed())

  // Streams that are reset as soon as they are open: what was begun at the cluster ends with them.
  const reset = await connectFrames({ port: site.port, ca: site.ca })
  for (let index = 0; index < 2000 && !reset.socket.destroyed; index++) {
    const id = 2 * index + 1
    const open = frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, id, headerBlock(fields('/reset', 'GET')))
    if (!reset.send(open, frame(frameType.reset, 0, id, Buffer.from([0, 0, 0, 8]))))
      await Promise.race([once(reset.socket, 'drain'), reset.closed])
  }
  await until('the session to be ended', () => reset.socket.destroyed || reset.frames.some(({ type }) => type === frameType.goaway))
  reset.socket.destroy()
  t.true(await isServed())
  await until('what was begun to be ended', () => site.fleet.tunnels.stats().streams <= 8)
})

test.serial('F-33: a cluster that answers byte by byte, or never, holds its own stream only; who gives up leaves nothing', async (t) => {
  const { site, token, kube } = await startRaw(t)
  kube.answer = ({ line }, socket) => {
    if (line.includes('/others')) return plainAnswer({ line } as never)
    let sent = 0
    const text = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: ${'y'.repeat(100)}\r\n`
    const drip = setInterval(() => socket.writable && socket.write(text[sent++ % text.length] ?? 'y'), 20)
    socket.once('close', () => clearInterval(drip))
    return undefined
  }
  const client = connectHttp2(`https://${site.host}`, { ca: site.ca })
  t.teardown(() => client.destroy())
  const slow = Array.from({ length: 50 }, () => {
    const stream = client.request({ ':path': site.at('/slow'), authorization: `Bearer ${token}` })
    stream.on('error', () => stream.destroy())
    return stream
  })
  await until('all of them to have reached the cluster', () => kube.requests.length === 50)
  t.is((await site.ask(site.at('/others'), { token })).status, 200)
  for (const stream of slow) stream.close(constants.NGHTTP2_CANCEL)
  await until('all of it to be let go', () => site.fleet.tunnels.stats().streams <= 4)
})
