// F-42: whatever a client writes into its header, the cluster sees the hub's identity fields and no others.
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import { allKubeGroups } from '#shared/kubernetes/identity.ts'
import { until } from '#test/helpers/until.ts'
import { headersOf } from './fake-kube.ts'
import { type KubeSite, startKubeSite } from './site.ts'

/** Bytes over TLS, and what comes back until the connection ends or an answer's body has ended. */
function raw(site: KubeSite, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port: site.port, ca: site.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
    let answer = ''
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)

const harmless: Record<string, string[]> = {
  'an identity of its own': ['Impersonate-User: system:admin', 'Impersonate-Group: system:masters'],
  'other spellings': ['IMPERSONATE-USER: root', 'impersonate-group: system:masters', 'iMpErSoNaTe-uId: 1', 'Impersonate-Extra-Scopes: all'],
  duplicates: ['Impersonate-Group: system:masters', 'Impersonate-Group: moorline:admin', 'Impersonate-User: a', 'Impersonate-User: b'],
  'a Connection field that names ours': ['Connection: Impersonate-User, Impersonate-Group, Authorization, keep-alive'],
  'the fields of an authenticating proxy': [
    'X-Remote-User: root',
    'X-Remote-Group: system:masters',
    'X-Remote-Extra-A: b',
    'X-Forwarded-For: 1.2.3.4',
    'Forwarded: for=1.2.3.4',
  ],
  'hop-by-hop fields': ['Proxy-Authorization: Basic eDp5', 'Proxy-Connection: keep-alive', 'TE: trailers', 'Keep-Alive: timeout=5'],
  'underscores for hyphens': ['Impersonate_User: root', 'Impersonate_Group: system:masters'],
  'a cookie and another method': ['Cookie: __Host-moorline=x', 'X-HTTP-Method-Override: DELETE', 'X-Original-URL: /api/v1/secrets'],
}

const hostile: Record<string, { text: (head: string) => string }> = {
  'Content-Length and Transfer-Encoding (CL.TE)': {
    text: (head) =>
      `POST PATH HTTP/1.1\r\n${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
  },
  'Transfer-Encoding in disguise (TE.CL)': {
    text: (head) =>
      `POST PATH HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n5c\r\nGET /smuggled HTTP/1.1\r\n\r\n0\r\n\r\n`,
  },
  'a space before the colon': {
    text: (head) => `POST PATH HTTP/1.1\r\n${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
  },
  'two lengths': {
    text: (head) => `POST PATH HTTP/1.1\r\n${head}Content-Length: 0\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
  },
  'a folded field': { text: (head) => `GET PATH HTTP/1.1\r\n${head}X-A: b\r\n Impersonate-User: root\r\n\r\n` },
  'a bare line feed': { text: (head) => `GET PATH HTTP/1.1\r\n${head}Accept: a\nImpersonate-User: root\r\n\r\n` },
  'a bare carriage return': { text: (head) => `GET PATH HTTP/1.1\r\n${head}Accept: a\rImpersonate-User: root\r\n\r\n` },
  'a NUL': { text: (head) => `GET PATH HTTP/1.1\r\n${head}Accept: a\0b\r\n\r\n` },
}

function checkSeen(
  t: { deepEqual(a: unknown, b: unknown, message?: string): void; true(a: boolean, message?: string): void },
  site: KubeSite,
  what: string,
): void {
  for (const seen of site.kube.seen) {
    const { rawHeaders } = seen
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    const allowed = [
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'impersonate-group',
      'impersonate-user',
      'transfer-encoding',
      'user-agent',
      'upgrade',
      'sec-websocket-key',
      'sec-websocket-version',
      'sec-websocket-protocol',
    ]
    t.deepEqual(
      names.filter((name) => !allowed.includes(name)),
      [],
      what,
    )
    t.deepEqual(headersOf(seen, 'impersonate-user'), ['moorline:user1'], what)
    t.deepEqual(headersOf(seen, 'impersonate-group'), ['moorline:view'], what)
    t.deepEqual(headersOf(seen, 'authorization'), ['Bearer cluster-token'], what)
    t.true(!seen.url.includes('smuggled'), what)
  }
}

test("F-42: the cluster sees exactly the hub's identity fields, whatever fields the client sends, over HTTP/1.1, HTTP/2 and upgrades", async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('viewer', 'one')
  const head = `Host: ${site.host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n`
  let expected = 0
  for (const [what, fields] of Object.entries(harmless)) {
    const more = fields.map((field) => `${field}\r\n`).join('')
    t.is(statusOf(await raw(site, `GET ${site.at('/headers')} HTTP/1.1\r\n${head}${more}\r\n`)), 200, what)
    t.is(site.kube.seen.length, ++expected, what)
    const upgraded = `GET ${site.at('/echo')} HTTP/1.1\r\nHost: ${site.host}\r\nAuthorization: Bearer ${token}\r\n${more}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\ncut me`
    t.is(statusOf(await raw(site, upgraded)), 101, what)
    t.is(site.kube.seen.length, ++expected, what)
  }
  const session = connectHttp2(`https://${site.host}`, { ca: site.ca })
  t.teardown(() => session.destroy())
  for (const [what, fields] of Object.entries(harmless)) {
    // HTTP/2 has no Connection fields; the client library refuses them itself.
    const own = fields
      .map((field) => field.split(': ') as [string, string])
      .filter(([name]) => !/^(connection|keep-alive|proxy-connection|te)$/i.test(name))
    const headers: Record<string, string | string[]> = {}
    for (const [name, value] of own) headers[name.toLowerCase()] = [...[headers[name.toLowerCase()] ?? []].flat(), value]
    const stream = session.request({ ...headers, ':path': site.at('/headers'), authorization: `Bearer ${token}` })
    const status = await new Promise((resolve, reject) =>
      stream.once('response', (fields2) => resolve(fields2[':status'])).once('error', reject),
    )
    stream.resume()
    t.is(status, 200, what)
    t.is(site.kube.seen.length, ++expected, what)
  }
  checkSeen(t, site, 'all of them')
})

test('F-42: requests that two servers could read differently are refused, and nothing of them reaches the cluster', async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('viewer', 'one')
  const head = `Host: ${site.host}\r\nAuthorization: Bearer ${token}\r\n`
  for (const [what, { text }] of Object.entries(hostile)) {
    const answer = await raw(site, text(head).replace('PATH', site.at('/headers')))
    t.is(statusOf(answer), 400, what)
  }
  t.deepEqual(site.kube.seen, [])
})

test('F-42: a request cannot name a path outside its cluster, nor write a line into the header to it', async (t) => {
  const site = await startKubeSite(t)
  const paths = [
    '/../../one/proxy/version',
    '/%2e%2e/x',
    '/a/..%2f..%2fversion',
    '/a/%2E./x',
    '/%252e%252e/x',
    '/a/..%5cx',
    '/.',
    '/a/..;/x',
    '/./version',
  ]
  for (const path of paths) {
    const answer = await raw(
      site,
      `GET ${site.at(path)} HTTP/1.1\r\nHost: ${site.host}\r\nAuthorization: Bearer ${site.adminToken}\r\nConnection: close\r\n\r\n`,
    )
    t.is(statusOf(answer), 400, path)
  }
  t.deepEqual(site.kube.seen, [])
  for (const path of [
    '/a%0d%0aImpersonate-User:%20root',
    '/a%20b%2Fc',
    '/%E2%82%AC?a=%0d%0a&b=%2e%2e',
    '//double//',
    '/a/..b/...',
    '?x=../..',
  ]) {
    await raw(
      site,
      `GET ${site.at(path)} HTTP/1.1\r\nHost: ${site.host}\r\nAuthorization: Bearer ${site.adminToken}\r\nConnection: close\r\n\r\n`,
    )
    t.is(site.kube.seen.at(-1)?.url, path.startsWith('?') ? `/${path}` : path, 'as it came')
  }
})

test('F-42: the agent refuses a request that is not made as the user of its stream, or in another group', async (t) => {
  const site = await startKubeSite(t)
  const ask = async (user: string, lines: string[]): Promise<string> => {
    const stream = await site.fleet.tunnels.open(site.member.agentId, { target: 'kube', class: 'interactive', user })
    let answer = ''
    stream.on('data', (chunk) => (answer += String(chunk)))
    stream.on('error', () => stream.destroy())
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.write(`GET /headers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
    await until('an answer', () => answer.includes('\r\n\r\n'))
    stream.end()
    await closed
    return answer
  }
  const good = ['Impersonate-User: moorline:ann', 'Impersonate-Group: moorline:view']
  t.is(statusOf(await ask('ann', good)), 200)
  t.is(statusOf(await ask('hub', ['Impersonate-User: moorline:hub', 'Impersonate-Group: moorline:observe'])), 200)
  const refused: Record<string, [string, string[]]> = {
    'no identity': ['ann', []],
    'another user': ['bob', good],
    'a user without the prefix': ['ann', ['Impersonate-User: ann', 'Impersonate-Group: moorline:view']],
    'two users': ['ann', ['Impersonate-User: moorline:ann', ...good]],
    'no group': ['ann', ['Impersonate-User: moorline:ann']],
    'system:masters': ['ann', [...good, 'Impersonate-Group: system:masters']],
    "the hub's own group": ['ann', ['Impersonate-User: moorline:ann', 'Impersonate-Group: moorline:observe']],
    'the hub in a group of users': ['hub', ['Impersonate-User: moorline:hub', 'Impersonate-Group: moorline:admin']],
    'a uid': ['ann', [...good, 'Impersonate-Uid: 0']],
    'an extra': ['ann', [...good, 'IMPERSONATE-EXTRA-scopes: all']],
  }
  for (const [what, [user, lines]] of Object.entries(refused)) {
    const answer = await ask(user, lines)
    t.is(statusOf(answer), 403, what)
    t.regex(answer, /"reason":"Forbidden"/, what)
  }
  t.is(site.kube.seen.length, 2)
  t.deepEqual(allKubeGroups, ['moorline:view', 'moorline:edit', 'moorline:admin', 'moorline:observe'])
})
