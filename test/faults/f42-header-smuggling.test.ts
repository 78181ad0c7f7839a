// F-42: whatever a client writes, over HTTP/1.1, HTTP/2 and upgrades, on fresh and on kept connections: the bytes that reach the
// cluster carry exactly the hub's identity fields, and each answer goes to the request it belongs to.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { type KubeSite, startKubeSite } from '#test/tunnel/kube-proxy/site.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { connectFrames, frame, frameFlag, frameType, headerBlock } from './http2-frames.ts'
import { agentKubeconfigOf, plainAnswer, type RawKube, type RawRequest, startRawKube } from './raw-kube.ts'

interface Scene {
  site: KubeSite
  kube: RawKube
  token: string
  /** Host and Authorization, as a client's first lines. */
  own: string
}

async function start(t: ExecutionContext): Promise<Scene> {
  const kube = await startRawKube(t as never)
  const path = join(await tempDir(t as never), 'agent.kubeconfig')
  await writeFile(path, agentKubeconfigOf(kube))
  const site = await startKubeSite(t, { kubeconfig: path })
  const token = await site.tokenFor('viewer', 'one')
  return { site, kube, token, own: `Host: ${site.host}\r\nAuthorization: Bearer ${token}\r\n` }
}

/** Writes bytes over TLS and HTTP/1.1; what came back when the connection ended, or when it is enough. */
async function say({ site }: Scene, text: string, isEnough: (answer: string) => boolean = () => false): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port: site.port, ca: site.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
  let answer = ''
  let isClosed = false
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => (isClosed = true))
  socket.write(Buffer.from(text, 'latin1'))
  await until('an answer or the end of the connection', () => isClosed || isEnough(answer))
  socket.destroy()
  return answer
}

const statusesOf = (answer: string): number[] => [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

const passing = new Set([
  ...['accept', 'accept-encoding', 'content-type', 'content-length', 'transfer-encoding', 'user-agent', 'connection', 'upgrade'],
  ...['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol', 'x-stream-protocol-version'],
])

/** Exactly the hub's identity, the agent's credentials, and nothing that was not on the list. */
function check(t: ExecutionContext, { kube }: Scene, what: string): void {
  t.deepEqual(kube.broken, [], what)
  for (const { line, fields } of kube.requests) {
    const of = (wanted: string) => fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
    t.deepEqual(of('impersonate-user'), ['moorline:user1'], what)
    t.deepEqual(of('impersonate-group'), ['moorline:view'], what)
    t.deepEqual(of('authorization'), ['Bearer cluster-token'], what)
    t.deepEqual(of('host'), [new URL(kube.server).host], what)
    const rest = fields.map(([name]) => name.toLowerCase()).filter((name) => !/^(impersonate-(user|group)|authorization|host)$/.test(name))
    t.deepEqual(
      rest.filter((name) => !passing.has(name)),
      [],
      what,
    )
    t.notRegex(line, /smuggled/, what)
  }
  // Also not in a body, a chunk's size or a trailer that was read as something else here.
  for (const bytes of kube.bytes) t.notRegex(bytes.toString('latin1').replaceAll(/\r\n\r\n[^]*?(?=[A-Z]+ \/|$)/g, ''), /masters|root/, what)
}

const identities: Readonly<Record<string, readonly string[]>> = {
  plain: ['Impersonate-User: root', 'Impersonate-Group: system:masters', 'Impersonate-Uid: 0', 'Impersonate-Extra-Scopes: root'],
  spelled: ['IMPERSONATE-USER: root', 'impersonate-group: system:masters', 'ImPersonate-eXtra-a%2fb: root', 'Impersonate_User: root'],
  doubled: ['Impersonate-User: root', 'Impersonate-User: root', 'Impersonate-Group: system:masters', 'Impersonate-Group: system:masters'],
  remote: [
    'X-Remote-User: root',
    'X-Remote-Group: system:masters',
    'X-Remote-Extra-Root: root',
    'X-Forwarded-User: root',
    'Front-Proxy: root',
  ],
  forwarded: ['X-Forwarded-For: root', 'Forwarded: for=root', 'Via: root', 'X-Original-URL: /root', 'X-HTTP-Method-Override: root'],
  cookies: ['Cookie: root=root', 'Proxy-Authorization: Basic root', 'X-Api-Key: root', 'Client-Cert: :root:'],
}
const named = (fields: string) => `Connection: Impersonate-User, Impersonate-Group, Authorization, Host${fields}`

test('F-42: over HTTP/1.1 the cluster reads the hub’s identity and no field of the client’s, on kept connections too', async (t) => {
  const scene = await start(t)
  const { site, kube, own } = scene
  let serial = 0
  for (const [what, fields] of Object.entries(identities))
    for (const connection of ['Connection: close', named(', close'), named('\r\nConnection: close')]) {
      const path = site.at(`/a${++serial}`)
      const answer = await say(scene, `GET ${path} HTTP/1.1\r\n${own}${connection}\r\n${fields.join('\r\n')}\r\n\r\n`)
      t.deepEqual(statusesOf(answer), [200], `${what} ${connection}`)
      t.regex(answer, new RegExp(`"GET /a${serial} HTTP/1.1"$`), what)
    }
  // Two on one connection, one behind the other, and a third without credentials.
  const two = `GET ${site.at('/x')} HTTP/1.1\r\n${own}Impersonate-User: root\r\n\r\nGET ${site.at('/y')} HTTP/1.1\r\n${own}\r\n`
  const answer = await say(scene, `${two}GET ${site.at('/smuggled')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  t.deepEqual(statusesOf(answer), [200, 200, 401])
  t.is(kube.requests.length, serial + 2)
  t.true(kube.bytes.length < 4, 'connections to the cluster are kept')
  check(t, scene, 'HTTP/1.1')
})

/** Of each: text behind the header's own lines, and a body. What one server takes for the next request is in it. */
const ambiguous: Readonly<Record<string, string>> = {
  'CL.TE': 'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nREST',
  'TE.CL': 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nREST',
  'TE.TE with an unknown one': 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nREST',
  'TE twice': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nREST',
  'TE in a list': 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nREST',
  'TE behind a vertical tab': 'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nREST',
  'TE with a space before the colon': 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\nREST',
  'TE with a quote': 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\nREST',
  'two lengths': 'Content-Length: 0\r\nContent-Length: 40\r\n\r\nREST',
  'a list of lengths': 'Content-Length: 0, 40\r\n\r\nREST',
  'a length with a sign': 'Content-Length: +0\r\n\r\nREST',
  'a length with a tail': 'Content-Length: 0x0\r\n\r\nREST',
  'a negative length': 'Content-Length: -1\r\n\r\nREST',
  'an enormous length': 'Content-Length: 99999999999999999999999\r\n\r\nREST',
  'a folded length': 'Content-Length:\r\n 40\r\n\r\nREST',
  'a folded identity': 'X-A: b\r\n Impersonate-User: root\r\n\r\n',
  'a bare line feed': 'Accept: a\nImpersonate-User: root\r\n\r\n',
  'a bare carriage return': 'Accept: a\rImpersonate-User: root\r\n\r\n',
  'a NUL': 'Accept: a\0b\r\n\r\n',
  'a field without a name': ': a\r\n\r\n',
  'a line without a colon': 'Impersonate-User\r\n\r\n',
  'a chunk longer than it says': 'Transfer-Encoding: chunked\r\n\r\n1\r\nabREST',
  'a chunk size beyond all numbers': 'Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nREST',
  'a chunk size with a sign': 'Transfer-Encoding: chunked\r\n\r\n-1\r\nREST',
  'a chunk that ends with a line feed only': 'Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\nREST',
}

test('F-42: a message that two servers could read differently is refused, and the next answer is the next request’s', async (t) => {
  const scene = await start(t)
  const { site, kube, own } = scene
  let serial = 0
  for (const [what, text] of Object.entries(ambiguous)) {
    const rest = `POST ${site.at('/smuggled')} HTTP/1.1\r\n${own}Content-Length: 0\r\n\r\n`
    const answer = await say(scene, `POST ${site.at('/outer')} HTTP/1.1\r\n${own}${text.replace('REST', rest)}`)
    t.deepEqual(
      statusesOf(answer).filter((status) => status < 400),
      [],
      `${what}: ${answer}`,
    )
    const next = await say(scene, `GET ${site.at(`/next${++serial}`)} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`)
    t.regex(next, new RegExp(`"GET /next${serial} HTTP/1.1"$`), what)
    t.is(kube.requests.filter(({ line }) => line.startsWith('GET')).length, serial, what)
  }
  check(t, scene, 'ambiguous')
})

test('F-42: bodies arrive as one body: chunk extensions and trailers stay behind, a longer or shorter body than said is cut', async (t) => {
  const scene = await start(t)
  const { site, kube, own, token } = scene
  const post = (text: string) =>
    say(scene, `POST ${site.at('/body')} HTTP/1.1\r\n${own}Connection: close\r\nTransfer-Encoding: chunked\r\n${text}`)
  t.deepEqual(statusesOf(await post('\r\n5;root=masters;a="b\r\nc"\r\nhello\r\n0\r\n\r\n')), [400])
  t.deepEqual(statusesOf(await post('Trailer: Host\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n')), [400])
  t.deepEqual(statusesOf(await post('\r\n5;root=masters\r\nhello\r\n0\r\n\r\n')), [200])
  t.deepEqual(statusesOf(await post('Trailer: Impersonate-User\r\n\r\n5\r\nhello\r\n0\r\nImpersonate-User: root\r\n\r\n')), [200])
  t.deepEqual(statusesOf(await post('Expect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n')), [100, 200])
  for (const { body } of kube.requests) t.is(body.toString(), 'hello')
  t.is(kube.requests.length, 3)

  // HTTP/2 says a length that its frames do not keep: nghttp2 or the hub ends it, and nothing is left over on the kept connection.
  for (const [length, data] of [
    ['3', 'helloGET /smuggled HTTP/1.1\r\n\r\n'],
    ['500', 'short'],
  ] as const) {
    const client = await connectFrames({ port: site.port, ca: site.ca })
    const fields = [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':path', site.at('/length')],
      [':authority', site.host],
      ['authorization', `Bearer ${token}`],
      ['content-length', length],
    ] as const
    client.send(frame(frameType.headers, frameFlag.endHeaders, 1, headerBlock(fields)))
    client.send(frame(frameType.data, frameFlag.endStream, 1, Buffer.from(data)))
    await until(
      'the stream to be ended',
      () => client.socket.destroyed || client.frames.some(({ type, streamId }) => type === 3 && streamId === 1),
    )
    client.socket.destroy()
  }
  const next = await say(scene, `GET ${site.at('/after')} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`)
  t.regex(next, /"GET \/after HTTP\/1.1"$/)
  t.false(
    kube.requests.some(({ line }) => line.includes('/length')),
    'half a body was taken for a whole',
  )
  check(t, scene, 'bodies')
})

test('F-42: HTTP/2 fields and pseudo-fields cannot become fields, lines or targets of HTTP/1.1', async (t) => {
  const scene = await start(t)
  const { site, kube, token } = scene
  const pseudo = (path: string): [string, string][] => [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', site.host],
    ['authorization', `Bearer ${token}`],
  ]
  /** The status, 0 when the stream or the connection was ended instead. */
  const ask = async (fields: readonly (readonly [string, string])[]): Promise<number> => {
    const client = await connectFrames({ port: site.port, ca: site.ca })
    client.send(frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 1, headerBlock(fields)))
    const answer = await until('an answer', () => {
      const found = client.frames.find(({ type, streamId }) => streamId === 1 && [1, 3].includes(type))
      return found ?? (client.socket.destroyed || client.frames.some(({ type }) => type === frameType.goaway) ? 'ended' : undefined)
    })
    client.socket.destroy()
    if (answer === 'ended' || answer.type === frameType.reset) return 0
    // The static table of HPACK: 8 is `:status: 200`; others that are used here come as literals.
    return answer.payload.includes(0x88) && answer.payload[0] === 0x88 ? 200 : 400
  }
  const own = pseudo(site.at('/h2'))
  let expected = 0
  for (const [what, fields] of Object.entries(identities)) {
    const more = fields.map((field) => field.toLowerCase().split(': ') as [string, string])
    t.is(await ask([...own, ...more]), 200, what)
    t.is(kube.requests.length, ++expected, what)
  }
  // A field that breaks the rules is dropped by nghttp2, and the rest of the request may go on.
  const unruly: [string, string][] = [
    ['accept', 'a\r\nImpersonate-User: root'],
    ['accept', 'a\nImpersonate-User: root'],
    ['accept', 'a\0root'],
    ['accept: a\r\nimpersonate-user', 'root'],
    ['impersonate-user ', 'root'],
    ['impersonate-user:', 'root'],
    ['Impersonate-User', 'root'],
  ]
  for (const field of unruly) {
    if ((await ask([...own, field])) === 200) expected++
    t.is(kube.requests.length, expected)
    t.false(
      kube.bytes.some((bytes) => bytes.includes('root')),
      JSON.stringify(field),
    )
  }
  const hostile: Record<string, [string, string][]> = {
    'a field of a connection': [...own, ['connection', 'impersonate-user']],
    'another framing': [...own, ['transfer-encoding', 'chunked']],
    'an upgrade': [...own, ['upgrade', 'websocket']],
    'a pseudo-field too late': [...own.slice(0, -2), ['accept', 'a'], [':authority', 'root']],
    'a pseudo-field twice': [...own, [':path', '/smuggled']],
    'an unknown pseudo-field': [[':root', 'root'], ...own],
    'no method': own.slice(1),
    'a path with a line': pseudo(site.at('/a HTTP/1.1\r\nImpersonate-User: root\r\n\r\nGET /smuggled')),
    'a path with a space': pseudo(site.at('/a HTTP/1.1')),
    'an absolute path': pseudo(`https://root${site.at('/a')}`),
    'a method with a line': [[':method', 'GET /smuggled HTTP/1.1\r\n\r\nGET'], ...own.slice(1)],
    CONNECT: [
      [':method', 'CONNECT'],
      [':authority', 'root:443'],
      ['authorization', `Bearer ${token}`],
    ],
    'extended CONNECT': [[':method', 'CONNECT'], [':protocol', 'websocket'], ...own.slice(1)],
  }
  for (const [what, fields] of Object.entries(hostile)) {
    t.not(await ask(fields), 200, what)
    t.is(kube.requests.length, expected, what)
  }
  check(t, scene, 'HTTP/2')
})

const upgradeOf: Readonly<Record<string, string>> = {
  websocket: 'Upgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n',
  spdy: 'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nX-Stream-Protocol-Version: v3.channel.k8s.io\r\n',
}

test('F-42: WebSocket and SPDY upgrades carry the same identity; a refused one leaves no connection to write requests into', async (t) => {
  const scene = await start(t)
  const { site, kube, own } = scene
  const smuggled = `GET /smuggled HTTP/1.1\r\nHost: x\r\nImpersonate-User: moorline:user1\r\nImpersonate-Group: moorline:admin\r\n\r\n`
  const answers: Record<string, (request: RawRequest) => string> = {
    accepted: ({ fields }) =>
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${fields.find(([name]) => name.toLowerCase() === 'upgrade')?.[1]}\r\n\r\nhello`,
    'refused with a body': () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno',
    'answered like any other request': plainAnswer,
    'accepted by another protocol': () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nhello',
  }
  for (const [protocol, lines] of Object.entries(upgradeOf))
    for (const [what, answer] of Object.entries(answers)) {
      kube.answer = answer
      kube.requests.length = 0
      kube.bytes.length = 0
      const isAccepted = what === 'accepted'
      const head = `GET ${site.at('/api/v1/namespaces/default/pods/one/exec?command=sh')} HTTP/1.1\r\n${own}`
      const fields = `${lines}${Object.values(identities).flat().join('\r\n')}\r\nConnection: Upgrade, Impersonate-User, Impersonate-Group\r\n\r\n`
      const text = await say(scene, `${head}${fields}${smuggled}`, (got) => isAccepted && got.endsWith('hello'))
      t.is(statusesOf(text)[0] === 101, isAccepted, `${protocol} ${what} ${text}`)
      t.is(kube.requests.length, 1, `${protocol} ${what}`)
      // Behind a 101 what follows is the stream's own data; behind anything else it is nothing.
      if (isAccepted) await until('the data to arrive', () => kube.bytes.some((bytes) => bytes.includes('/smuggled')))
      else
        t.false(
          kube.bytes.some((bytes) => bytes.includes('/smuggled')),
          `${protocol} ${what}`,
        )
      kube.bytes.length = 0
      check(t, scene, `${protocol} ${what}`)
    }
  kube.answer = plainAnswer
  kube.requests.length = 0
  for (const [what, lines] of Object.entries({
    'two protocols': 'Upgrade: websocket\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n',
    'a list of protocols': 'Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n',
    h2c: 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n',
    TLS: 'Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n',
    'a body': `Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: ${smuggled.length}\r\n`,
  })) {
    const answer = await say(scene, `GET ${site.at('/up')} HTTP/1.1\r\n${own}${lines}\r\n${smuggled}`, (got) => got.includes('"GET /up'))
    t.not(statusesOf(answer)[0], 101, what)
    t.false(
      kube.bytes.some((bytes) => bytes.includes('/smuggled')),
      what,
    )
  }
  check(t, scene, 'upgrades that are none')
})

test('F-42: an API server that says more than it was asked for gets nobody’s next answer wrong', async (t) => {
  const scene = await start(t)
  const { site, kube, own } = scene
  const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged'
  kube.answer = (request) => `${plainAnswer(request)}${request.line.includes('/twice') ? forged : ''}`
  for (let round = 0; round < 10; round++) {
    const twice = await say(scene, `GET ${site.at(`/twice${round}`)} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`)
    t.regex(twice, new RegExp(`"GET /twice${round} HTTP/1.1"$`))
    const next = await say(scene, `GET ${site.at(`/once${round}`)} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`)
    t.notRegex(next, /forged/)
    t.regex(next, new RegExp(`"GET /once${round} HTTP/1.1"$`))
  }
})
