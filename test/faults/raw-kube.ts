// An API server that understands next to nothing and keeps every byte: TLS, HTTP/1.1 read strictly by hand. What reached a cluster is
// judged on what stood on the wire, not on what a forgiving parser made of it.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { selfSigned } from '#test/hub/api/fixture.ts'
import { agentKubeconfig } from '#test/tunnel/kube-proxy/site.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface RawRequest {
  /** Which connection, counted from 0. */
  connection: number
  line: string
  /** As they stood on the wire. */
  fields: [string, string][]
  body: Buffer
}

export interface RawKube {
  server: string
  ca: string
  requests: RawRequest[]
  /** What each connection has received, whole. */
  bytes: Buffer[]
  /** Why a connection's bytes were no HTTP/1.1 that this reads. */
  broken: string[]
  /** What is answered instead of 200 with the request line as JSON; a string as it is. */
  answer: (request: RawRequest, socket: TLSSocket) => string | undefined
  /** Instead of reading a request: called with the first bytes of a connection. */
  onHead?: (socket: TLSSocket) => void
}

export async function startRawKube(t: Owner): Promise<RawKube> {
  const tls = await selfSigned()
  const sockets = new Set<TLSSocket>()
  const kube: RawKube = { server: '', ca: tls.cert, requests: [], bytes: [], broken: [], answer: plainAnswer }
  const server = createServer({ ...tls, ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
    const connection = kube.bytes.push(Buffer.alloc(0)) - 1
    let rest: Buffer = Buffer.alloc(0)
    let isUpgraded = false
    socket.on('data', (chunk: Buffer) => {
      kube.bytes[connection] = Buffer.concat([kube.bytes[connection] ?? Buffer.alloc(0), chunk])
      if (isUpgraded) return
      if (kube.onHead) return kube.onHead(socket)
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const read = readRequest(rest)
        if (typeof read === 'string') return void kube.broken.push(read)
        if (!read) return
        rest = read.rest
        const request = { ...read.request, connection }
        kube.requests.push(request)
        const answer = kube.answer(request, socket)
        isUpgraded = answer?.startsWith('HTTP/1.1 101') === true
        if (answer !== undefined) socket.write(Buffer.from(answer, 'latin1'))
        if (isUpgraded) return
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  kube.server = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return kube
}

export function plainAnswer({ line }: RawRequest): string {
  const body = JSON.stringify(line)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Undefined: more is needed. A string: what is wrong with it. */
function readRequest(bytes: Buffer): { request: Omit<RawRequest, 'connection'>; rest: Buffer } | string | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  if (/[^\x20-\x7e\r\n]/.test(head)) return `bytes that are no text: ${JSON.stringify(head)}`
  const [line = '', ...lines] = head.split('\r\n')
  if (!/^[A-Z]+ \/[\x21-\x7e]* HTTP\/1\.1$/.test(line)) return `no request line: ${JSON.stringify(line)}`
  const fields: [string, string][] = []
  for (const one of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e]*)$/.exec(one) ?? []
    if (name === undefined || value === undefined) return `no header field: ${JSON.stringify(one)}`
    fields.push([name, value])
  }
  const of = (wanted: string) => fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  const [lengths, encodings] = [of('content-length'), of('transfer-encoding')]
  if (lengths.length + encodings.length > 1) return `more than one framing: ${JSON.stringify(fields)}`
  let at = end + 4
  if (encodings.length === 0) {
    const size = Number(lengths[0] ?? 0)
    if (bytes.length < at + size) return undefined
    return { request: { line, fields, body: bytes.subarray(at, at + size) }, rest: bytes.subarray(at + size) }
  }
  if (encodings[0] !== 'chunked') return `an encoding that is not chunked: ${encodings[0]}`
  const chunks: Buffer[] = []
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]{1,8}$/i.test(size)) return `a chunk's size that is more than a number: ${JSON.stringify(size)}`
    const next = lineEnd + 2 + Number.parseInt(size, 16)
    if (bytes.length < next + 2) return undefined
    if (bytes.toString('latin1', next, next + 2) !== '\r\n') return 'a chunk that does not end where it says, or trailers'
    if (next === lineEnd + 2) return { request: { line, fields, body: Buffer.concat(chunks) }, rest: bytes.subarray(next + 2) }
    chunks.push(bytes.subarray(lineEnd + 2, next))
    at = next + 2
  }
}

export const agentKubeconfigOf = ({ server, ca }: Pick<RawKube, 'server' | 'ca'>, token = 'cluster-token'): string =>
  JSON.stringify(agentKubeconfig({ server, ca, token }))
