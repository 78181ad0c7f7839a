// A small real HTTPS server that speaks like an API server: discovery, objects, watch streams, upgrades, and answers that go wrong in
// every way that matters. It records each request's header as it came.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { selfSigned } from '#test/hub/api/fixture.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface Seen {
  method: string
  url: string
  rawHeaders: string[]
  isUpgrade: boolean
  /** Resolves when the connection or the exchange has ended; how. */
  ended: Promise<'whole' | 'cut'>
}

export interface FakeKube {
  server: string
  ca: string
  token: string
  seen: Seen[]
  connections(): number
  /** To every watch that is open. */
  emit(event: object): void
  watches(): number
  /** Answers of /hold, and logs that are followed, go on one piece with each call. */
  release(): void
  /** How many of them are open. */
  held(): number
  /** From now on its own token is refused. */
  refuseToken(): void
  /** What it says of itself; a test changes it. */
  facts: ClusterFacts
  /** By namespace/name, with their versions as an API server keeps them. */
  secrets: Map<string, FakeSecret>
  stop(): Promise<void>
}

export interface FakeSecret {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace: string; resourceVersion: string; labels?: Record<string, string> }
  data?: Record<string, string>
}

export interface ClusterFacts {
  version: string
  uid: string
  nodes: unknown[]
  /** Of /readyz?verbose. */
  readyz: { status: number; text: string }
  /** Undefined: a cluster that has none any more. */
  componentStatuses: unknown[] | undefined
}

export const headersOf = (seen: Seen | undefined, name: string): string[] => {
  const raw = seen?.rawHeaders ?? []
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name)
}

const pod = (name: string, version: number, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: String(version),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels,
  },
  spec: { containers: [{ name: 'main', image: 'example/image' }] },
  status: { phase: 'Running' },
})
export const podEvent = (type: string, name: string, version: number, labels?: Record<string, string>) => ({
  type,
  object: pod(name, version, labels),
})

/** As a kubelet reports one. */
export function node(name: string, { roles = [], isReady = true }: { roles?: string[]; isReady?: boolean }): object {
  return {
    metadata: { name, labels: Object.fromEntries(roles.map((role) => [`node-role.kubernetes.io/${role}`, ''])) },
    spec: {},
    status: {
      conditions: [
        { type: 'Ready', status: isReady ? 'True' : 'Unknown', message: isReady ? 'kubelet is posting ready status' : 'no news' },
      ],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1.31.4', osImage: 'Debian GNU/Linux 12 (bookworm)' },
      capacity: { cpu: '4', memory: '16Gi', pods: '110' },
      allocatable: { cpu: '3920m', memory: '15Gi', pods: '110' },
    },
  }
}

const resource = (name: string, kind: string, verbs: string[], namespaced = true) => ({ name, singularName: '', namespaced, kind, verbs })
const all = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']

export interface FakeKubeOptions {
  /** PEM of its certificate and key; without them a self-signed one that is its own CA. */
  tls?: { cert: string; key: string }
  /** UID of its namespace kube-system. */
  uid?: string
  /** What it accepts, whole Authorization values; a client certificate of `clientCa` besides. */
  accepts?: readonly string[]
  clientCa?: string
  /** Before every path, as behind another server. */
  pathPrefix?: string
}

export async function startFakeKube(t: Owner, options: FakeKubeOptions = {}): Promise<FakeKube> {
  const tls = options.tls ?? (await selfSigned())
  const token = 'cluster-token'
  const accepts = new Set(options.accepts ?? [`Bearer ${token}`])
  const isKnown = ({ headers, socket }: IncomingMessage) =>
    isTokenGood &&
    (accepts.has(headers.authorization ?? '') ||
      (options.clientCa !== undefined && (socket as TLSSocket).authorized && !headers.authorization))
  const seen: Seen[] = []
  const sockets = new Set<Duplex>()
  const watchers = new Set<ServerResponse>()
  const holding = new Set<() => void>()
  const configMaps = new Map<string, unknown>()
  let isTokenGood = true
  const secrets = new Map<string, FakeSecret>()
  const facts: ClusterFacts = {
    version: 'v1.31.4',
    uid: options.uid ?? '8d5f2c1e-0000-4000-8000-000000000001',
    nodes: [node('cp-1', { roles: ['control-plane'] }), node('worker-1', {})],
    readyz: { status: 200, text: '[+]ping ok\n[+]etcd ok\nreadyz check passed\n' },
    componentStatuses: undefined,
  }

  const json = (response: ServerResponse, body: unknown, status = 200) => {
    const text = JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  }
  const read = async (request: IncomingMessage): Promise<Buffer> => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  const record = (request: IncomingMessage, isUpgrade: boolean, ended: Promise<'whole' | 'cut'>): void => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders, isUpgrade, ended })
  }

  const hold = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.flushHeaders()
    const next = () => void response.write('piece\n')
    holding.add(next)
    response.once('close', () => holding.delete(next))
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://kube')
    const prefix = options.pathPrefix ?? ''
    if (!url.pathname.startsWith(`${prefix}/`)) return json(response, { kind: 'Status', code: 404, message: 'not here' }, 404)
    const pathname = url.pathname.slice(prefix.length)
    if (!isKnown(request)) return json(response, { kind: 'Status', code: 401, message: 'Unauthorized' }, 401)
    switch (pathname) {
      case '/version':
        return json(response, { gitVersion: facts.version, platform: 'linux/amd64' })
      case '/readyz':
        return void response.writeHead(facts.readyz.status, { 'content-type': 'text/plain' }).end(facts.readyz.text)
      case '/api/v1/namespaces/kube-system':
        return json(response, { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'kube-system', uid: facts.uid } })
      case '/api/v1/nodes': {
        const limit = Number(url.searchParams.get('limit') ?? facts.nodes.length)
        const from = Number(url.searchParams.get('continue') ?? 0)
        const next = from + limit < facts.nodes.length ? String(from + limit) : undefined
        return json(response, { kind: 'NodeList', metadata: { continue: next }, items: facts.nodes.slice(from, from + limit) })
      }
      case '/api/v1/componentstatuses':
        if (!facts.componentStatuses) return json(response, { kind: 'Status', code: 404, message: 'not found' }, 404)
        return json(response, { kind: 'ComponentStatusList', items: facts.componentStatuses })
      case '/api':
        return json(response, { kind: 'APIVersions', versions: ['v1'] })
      case '/apis':
        return json(response, { kind: 'APIGroupList', apiVersion: 'v1', groups: [] })
      case '/api/v1':
        return json(response, {
          kind: 'APIResourceList',
          groupVersion: 'v1',
          resources: [
            resource('pods', 'Pod', all),
            resource('configmaps', 'ConfigMap', all),
            resource('pods/exec', 'PodExecOptions', ['create', 'get']),
          ],
        })
      case '/api/v1/namespaces/default/pods': {
        if (url.searchParams.get('watch') !== 'true' && url.searchParams.get('watch') !== '1')
          return json(response, {
            kind: 'PodList',
            apiVersion: 'v1',
            metadata: { resourceVersion: '10' },
            items: [pod('one', 1), pod('two', 2)],
          })
        // As API servers before 1.32 say it, and clients then list instead.
        if (url.searchParams.has('sendInitialEvents'))
          return json(
            response,
            {
              kind: 'Status',
              apiVersion: 'v1',
              status: 'Failure',
              reason: 'Invalid',
              message: 'sendInitialEvents is forbidden',
              code: 422,
            },
            422,
          )
        response.writeHead(200, { 'content-type': 'application/json' })
        response.flushHeaders()
        watchers.add(response)
        response.once('close', () => watchers.delete(response))
        return
      }
      case '/api/v1/namespaces/default/pods/one':
        return json(response, pod('one', 1))
      // Followed, it goes on with each release(), like /hold.
      case '/api/v1/namespaces/default/pods/one/log':
        return hold(response)
      case '/api/v1/namespaces/default/configmaps': {
        if (request.method !== 'POST')
          return json(response, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: {}, items: [...configMaps.values()] })
        const object = JSON.parse(String(await read(request))) as { metadata: { name: string } }
        configMaps.set(object.metadata.name, object)
        return json(response, object, 201)
      }
      case '/headers':
        return json(response, request.rawHeaders)
      case '/digest': {
        const hash = createHash('sha256')
        let bytes = 0
        try {
          for await (const chunk of request as AsyncIterable<Buffer>) {
            hash.update(chunk)
            bytes += chunk.length
          }
        } catch {
          // The test looks at `ended`: this body was cut short.
          return void response.destroy()
        }
        return json(response, { bytes, sha256: hash.digest('hex') })
      }
      case '/bytes': {
        // As fast as it is taken.
        const chunk = Buffer.alloc(64 * 1024, 'x')
        let left = Number(url.searchParams.get('count'))
        response.writeHead(200, {
          'content-type': 'application/octet-stream',
          ...(url.searchParams.has('length') && { 'content-length': left }),
        })
        while (left > 0 && !response.destroyed) {
          const piece = left < chunk.length ? chunk.subarray(0, left) : chunk
          left -= piece.length
          if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
        }
        return void response.end()
      }
      case '/cut':
        response.writeHead(200, url.searchParams.has('length') ? { 'content-length': 1000 } : {})
        response.write('half of it')
        return void setImmediate(() => (request.socket as TLSSocket).destroy())
      case '/hold':
        return hold(response)
      case '/page':
        response.writeHead(200, {
          'content-type': 'text/html',
          'set-cookie': 'a=b',
          'content-security-policy': 'default-src *',
          server: 'pod',
          'access-control-allow-origin': '*',
        })
        return void response.end('<script>1</script>')
      case '/redirect':
        return void response.writeHead(302, { location: url.searchParams.get('to') ?? '/' }).end()
      case '/forbidden':
        return json(response, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'pods is forbidden' }, 403)
      default:
        if (pathname.includes('/secrets/')) return answerSecret(pathname, request, response)
        return json(
          response,
          { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', message: `no ${pathname}`, code: 404 },
          404,
        )
    }
  }

  /** get and update, with the lock that resourceVersion is. */
  async function answerSecret(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, namespace, name] = /^\/api\/v1\/namespaces\/([^/]+)\/secrets\/([^/]+)$/.exec(pathname) ?? []
    const key = `${namespace}/${name}`
    const known = secrets.get(key)
    if (!known) return json(response, { kind: 'Status', code: 404, message: `secrets "${name}" not found` }, 404)
    if (request.method !== 'PUT') return json(response, known)
    const object = JSON.parse(String(await read(request))) as FakeSecret
    const current = secrets.get(key) ?? known
    if (object.metadata.resourceVersion !== current.metadata.resourceVersion)
      return json(response, { kind: 'Status', code: 409, reason: 'Conflict', message: 'the object has been modified' }, 409)
    const resourceVersion = String(Number(current.metadata.resourceVersion) + 1)
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } }
    secrets.set(key, stored)
    return json(response, stored)
  }

  const clients = options.clientCa === undefined ? {} : { ca: options.clientCa, requestCert: true, rejectUnauthorized: false }
  const server: Server = createServer({ ...tls, ...clients }, (request, response) => {
    const ended = new Promise<'whole' | 'cut'>((resolve) =>
      response.once('close', () => resolve(request.complete && response.writableFinished ? 'whole' : 'cut')),
    )
    record(request, false, ended)
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    let isEnded = false
    socket.once('end', () => (isEnded = true))
    record(request, true, new Promise((resolve) => socket.once('close', () => resolve(isEnded ? 'whole' : 'cut'))))
    if (!isKnown(request)) return void socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    if (request.url?.includes('refuse')) {
      const body = JSON.stringify({ kind: 'Status', code: 400, message: 'container not found' })
      return void socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
    if (request.url?.includes('command=tar')) return void sendEndlessTar(request, socket)
    const protocol = request.headers['sec-websocket-protocol'] ?? request.headers['x-stream-protocol-version']
    const name = request.headers.upgrade === 'websocket' ? 'Sec-WebSocket-Protocol' : 'X-Stream-Protocol-Version'
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\nSet-Cookie: a=b\r\n${name}: ${String(protocol).split(',')[0]}\r\n\r\nfirst`,
    )
    if (head.length > 0) socket.write(head)
    socket.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('cut me')) return void socket.destroy()
      if (!socket.write(chunk)) socket.pause()
    })
    socket.on('drain', () => socket.resume())
    socket.on('end', () => socket.end())
  })
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  t.teardown(stop)
  return {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: tls.cert,
    ...{ token, seen, stop, facts, secrets },
    connections: () => sockets.size,
    emit: (event) => {
      for (const watcher of watchers) watcher.write(`${JSON.stringify(event)}\n`)
    },
    watches: () => watchers.size,
    release: () => {
      for (const next of holding) next()
    },
    held: () => holding.size,
    refuseToken: () => void (isTokenGood = false),
  }
}

/** What `kubectl cp` reads over a WebSocket: channel 1 carries a tar of one file of a gibibyte, which never comes to its end. */
function sendEndlessTar(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n` +
      'Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n',
  )
  const frame = (payload: Buffer): Buffer => {
    const head = Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    head.writeBigUInt64BE(BigInt(payload.length + 1), 2)
    return Buffer.concat([head, payload])
  }
  socket.write(frame(tarHeader('big', 2 ** 30)))
  const piece = frame(Buffer.alloc(32 * 1024, 'x'))
  let sent = 0
  const go = (): void => {
    while (sent < 2 ** 30 - piece.length && !socket.destroyed) {
      sent += piece.length
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', go)
  socket.resume()
  go()
}

/** POSIX.1-1988 (ustar): octal numbers in text, and a sum over the header in which the sum itself counts as spaces. */
function tarHeader(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}
