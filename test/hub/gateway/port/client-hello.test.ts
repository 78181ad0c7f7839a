import test from 'ava'
import fc from 'fast-check'
import { parseClientHello } from '#hub/gateway/port/client-hello.ts'
import { realHello } from './real-hello.ts'

/** The same handshake message cut into records of `size` bytes. */
function refragment(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

const expected = { kind: 'hello', serverName: 'grpc.fleet.internal', protocols: ['h2', 'http/1.1'] } as const

test('the name and the protocols of a real hello are found, for both TLS versions and without either', async (t) => {
  t.deepEqual(parseClientHello(await realHello('GRPC.fleet.internal', ['h2', 'http/1.1'])), expected)
  t.deepEqual(parseClientHello(await realHello('grpc.fleet.internal', ['h2', 'http/1.1'], 'TLSv1.2')), expected)
  t.deepEqual(parseClientHello(await realHello('', [])), { kind: 'hello', serverName: undefined, protocols: [] })
})

test('a hello cut into records of any size says the same, and any shorter part of it asks for more', async (t) => {
  const hello = await realHello('grpc.fleet.internal', ['h2', 'http/1.1'])
  for (const size of [32, 33, 100, 5000]) {
    const bytes = refragment(hello, size)
    t.deepEqual(parseClientHello(bytes), expected, `records of ${size}`)
    for (let length = 0; length < bytes.length; length += Math.max(1, Math.floor(bytes.length / 97))) {
      const result = parseClientHello(bytes.subarray(0, length))
      if (result.kind !== 'incomplete') return t.fail(`${length} of ${bytes.length}: ${result.kind}`)
      t.true(result.atLeast > length && result.atLeast <= bytes.length)
    }
  }
})

test('a hello is put together in few steps however it drips in, and one cut into crumbs is refused', async (t) => {
  const hello = await realHello('grpc.fleet.internal', ['h2', 'http/1.1'])
  const bytes = refragment(hello, 32)
  let steps = 0
  for (let result = parseClientHello(Buffer.alloc(0)); result.kind === 'incomplete'; steps += 1)
    result = parseClientHello(bytes.subarray(0, result.atLeast))
  t.true(steps <= 140, `${steps}`)
  t.deepEqual(parseClientHello(refragment(hello, 2)), { kind: 'invalid' })
})

test('bytes behind the hello are not looked at', async (t) => {
  const hello = await realHello('grpc.fleet.internal', ['h2', 'http/1.1'])
  t.deepEqual(parseClientHello(Buffer.concat([hello, Buffer.from('more')])), expected)
})

test('an HTTP request in clear is recognised from its first letters', (t) => {
  for (const text of ['GET / HTTP/1.1', 'G', 'POST /x', 'PRI * HTTP/2.0', 'OPTIONS *'])
    t.is(parseClientHello(Buffer.from(text)).kind, 'plaintext', text)
  for (const text of ['SSH-2.0-x', '\u0000\u0000', 'get /', '\r\n']) t.is(parseClientHello(Buffer.from(text)).kind, 'invalid', text)
})

test('no bytes make it throw or take a name that is not there', async (t) => {
  const hello = await realHello('grpc.fleet.internal', ['h2', 'http/1.1'])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      parseClientHello(Buffer.from(bytes))
      parseClientHello(Buffer.concat([hello.subarray(0, 5), Buffer.from(bytes)]))
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
      const bytes = Buffer.from(hello)
      for (const [at, value] of changes) bytes[at] = value
      const result = parseClientHello(bytes)
      if (result.kind === 'hello' && result.serverName !== undefined)
        t.true(bytes.toString('latin1').toLowerCase().includes(result.serverName))
    }),
    { numRuns: 500 },
  )
  t.pass()
})
