import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import { limits } from '#shared/contract/limits.ts'
import { until } from '#test/helpers/until.ts'
import { base, manifest, startApi, type TestApi } from './fixture.ts'

const post = (api: TestApi, body: string | Buffer, type = 'application/json') =>
  api.ask(`${base}/machines`, { method: 'POST', token: api.adminToken, body, headers: { 'content-type': type } })

test('F-32: a body of exactly the limit is read, one byte more is 413', async (t) => {
  const api = await startApi(t)
  const empty = JSON.stringify(manifest('Machine', 'm1', {}, { annotations: { pad: '' } }))
  const body = (size: number) => empty.replace('"pad":""', `"pad":"${'x'.repeat(size - empty.length)}"`)
  const fits = await post(api, body(limits.apiBodyBytes))
  t.is(fits.status, 422, 'it was read, and the annotation is what is too long')
  const over = await post(api, body(limits.apiBodyBytes + 1))
  t.is(over.status, 413)
  t.is(over.json().reason, 'RequestEntityTooLarge')
})

test('F-32: a body without a declared length is cut at the limit', async (t) => {
  const api = await startApi(t)
  const session = connectHttp2(`https://${api.host}`, { ca: api.ca })
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': `${base}/machines`,
    authorization: `Bearer ${api.adminToken}`,
    'content-type': 'application/json',
  })
  stream.on('error', () => {})
  const status = new Promise<number>((resolve) => stream.on('response', (headers) => resolve(Number(headers[':status']))))
  const chunk = Buffer.alloc(64 * 1024, ' ')
  const write = () => {
    while (!stream.destroyed && !stream.closed && stream.write(chunk));
  }
  stream.on('drain', write)
  write()
  t.is(await status, 413)
  session.destroy()
})

test('F-32: JSON and YAML nested without end are refused at once', async (t) => {
  const api = await startApi(t)
  const deep = 100_000
  const bodies: [string, string][] = [
    ['application/json', '['.repeat(deep)],
    ['application/json', `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`],
    ['application/yaml', '['.repeat(deep)],
    ['application/yaml', '- '.repeat(deep)],
    ['application/yaml', '? '.repeat(deep)],
    ['application/yaml', Array.from({ length: 2000 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
    ['application/yaml', 'a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]'],
  ]
  for (const [type, body] of bodies) {
    const start = performance.now()
    const answer = await post(api, body, type)
    t.is(answer.status, 400, `${type} ${body.slice(0, 20)}`)
    t.true(performance.now() - start < 2000, body.slice(0, 20))
  }
})

test('F-39: prototype keys are refused in every body and change nothing in a patch', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  const bodies: [string, string][] = [
    ['application/json', '{"__proto__":{"polluted":true},"kind":"Machine"}'],
    ['application/json', '{"metadata":{"name":"x","labels":{"__proto__":"y"}}}'],
    ['application/json', '{"constructor":{"prototype":{"polluted":true}}}'],
    ['application/yaml', '__proto__: {polluted: true}'],
    ['application/yaml', 'constructor: {prototype: {polluted: true}}'],
  ]
  for (const [type, body] of bodies) t.is((await post(api, body, type)).status, 400, body)
  const patches: [string, string][] = [
    ['application/merge-patch+json', '{"__proto__":{"polluted":true}}'],
    ['application/merge-patch+json', '{"spec":{"labels":{"__proto__":{"polluted":"yes"}}}}'],
    ['application/json-patch+json', '[{"op":"add","path":"/__proto__/polluted","value":true}]'],
    ['application/json-patch+json', '[{"op":"add","path":"/constructor/prototype/polluted","value":true}]'],
    ['application/json-patch+json', '[{"op":"copy","from":"/metadata/name","path":"/__proto__"}]'],
    ['application/json-patch+json', '[{"op":"test","path":"/toString","value":null}]'],
  ]
  for (const [type, body] of patches) {
    const answer = await api.ask(`${base}/machines/m1`, { method: 'PATCH', token: api.adminToken, body, headers: { 'content-type': type } })
    t.true(answer.status === 400 || answer.status === 422, `${body} ${answer.status}`)
  }
  t.is(
    (await api.ask(`${base}/machines?__proto__[polluted]=1&constructor=2&labelSelector=__proto__%3Dx`, { token: api.adminToken })).json()
      .items?.length ?? 0,
    0,
  )
  t.is((await api.ask(`${base}/machines/__proto__`, { token: api.adminToken })).status, 404)
  t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('what is not JSON, not UTF-8, not an object or not a known type is refused in words', async (t) => {
  const api = await startApi(t)
  t.is((await post(api, '{"kind":')).status, 400)
  t.is((await post(api, Buffer.from([0x7b, 0xff, 0x7d]))).status, 400)
  t.is((await post(api, '[]')).status, 400)
  t.is((await post(api, '"x"')).status, 400)
  t.is((await post(api, '')).status, 400)
  t.is((await post(api, 'a=b', 'application/x-www-form-urlencoded')).status, 415)
  t.is((await post(api, 'a: 1\n---\nb: 2', 'application/yaml')).status, 400)
  t.is((await post(api, 'kind: Machine\nmetadata: {name: y1}\nspec: {}', 'application/yaml')).status, 201)
})

test('a copy bomb in a JSON Patch is stopped', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', { labels: { a: 'x' } }))
  const patch = [{ op: 'add', path: '/spec/labels/a', value: 'x'.repeat(1000) }]
  const copies = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/spec', path: `/spec/labels/c${index}` }))
  const answer = await api.ask(`${base}/machines/m1`, {
    method: 'PATCH',
    token: api.adminToken,
    body: JSON.stringify([...patch, ...copies]),
    headers: { 'content-type': 'application/json-patch+json' },
  })
  t.is(answer.status, 413)
})

test('F-33: headers and bodies that come byte by byte end after their time', async (t) => {
  const api = await startApi(t, { httpLimits: { headersTimeoutMs: 500, bodyTimeoutMs: 500 } })
  const tls = connectTls({ host: '127.0.0.1', port: api.port, ca: api.ca, ALPNProtocols: ['http/1.1'] })
  tls.on('error', () => {})
  await new Promise((resolve) => tls.once('secureConnect', resolve))
  tls.write('GET /livez HTTP/1.1\r\nX-Slow: ')
  const drip = setInterval(() => tls.write('a'), 50)
  await new Promise((resolve) => tls.once('close', resolve))
  clearInterval(drip)

  const noHello = connectTcp(api.port, '127.0.0.1')
  noHello.on('error', () => {})
  await new Promise((resolve) => noHello.once('close', resolve))

  const slow = connectTls({ host: '127.0.0.1', port: api.port, ca: api.ca, ALPNProtocols: ['http/1.1'] })
  slow.on('error', () => {})
  let answer = ''
  slow.on('data', (data: Buffer) => (answer += data.toString()))
  slow.write(
    `POST ${base}/machines HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.adminToken}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  )
  const more = setInterval(() => slow.write(' '), 50)
  await until('the slow body to be refused', () => /did not arrive within|408/.test(answer))
  clearInterval(more)
  slow.destroy()
  t.pass()
})

test('F-33: an HTTP/2 session that opens no stream is ended', async (t) => {
  const api = await startApi(t, { httpLimits: { headersTimeoutMs: 300 } })
  const session = connectHttp2(`https://${api.host}`, { ca: api.ca })
  session.on('error', () => {})
  await new Promise((resolve) => session.once('close', resolve))
  t.true(session.destroyed)
})

test('F-32: rapid reset and a flood of header fields end the session, and the API goes on', async (t) => {
  const api = await startApi(t)
  const session = connectHttp2(`https://${api.host}`, { ca: api.ca })
  session.on('error', () => {})
  let isOver = false
  session.on('close', () => (isOver = true))
  session.on('goaway', () => (isOver = true))
  for (let round = 0; round < 200 && !isOver; round++) {
    for (let index = 0; index < 50 && !session.destroyed && !session.closed; index++) {
      const stream = session.request({ ':path': '/livez' })
      stream.on('error', () => {})
      stream.close(8)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('the session to be ended', () => isOver)
  session.destroy()

  const second = connectHttp2(`https://${api.host}`, { ca: api.ca, maxSendHeaderBlockLength: 1_000_000 })
  second.on('error', () => {})
  const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`x-${index}`, 'y'.repeat(20)]))
  const stream = second.request({ ':path': '/livez', ...fields })
  stream.on('error', () => {})
  const status = await new Promise((resolve) => {
    stream.on('response', (headers) => resolve(headers[':status']))
    stream.on('close', () => resolve('closed'))
  })
  t.not(status, 200)
  second.destroy()
  t.is((await api.ask('/livez')).text, 'ok')
})

test('log lines of one address and one path cannot be forged through the request', async (t) => {
  const api = await startApi(t)
  const answer = await api.ask(`${base}/machines/${encodeURIComponent('a\r\nset-cookie: x')}`, { token: api.adminToken })
  t.is(answer.status, 404)
  t.is(answer.headers['set-cookie'], undefined)
  const warned = await api.ask(`${base}/machines?fieldValidation=Warn`, {
    method: 'POST',
    token: api.adminToken,
    body: JSON.stringify({ ...manifest('Machine', 'm1', {}), 'x\r\nevil: 1"\\': 1 }),
  })
  t.is(warned.status, 201)
  t.is(warned.headers.evil, undefined)
  t.regex(String(warned.headers.warning), /^299 - "unknown field /)
})
