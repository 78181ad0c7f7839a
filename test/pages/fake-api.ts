// A stand-in for the hub's API that the pages are developed and tested against: list, watch, writes, logs and sign-in over objects in memory,
// and the same content security policy as the hub. The tests against the real hub are elsewhere.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { kindNames, type Plural } from '#hub/web/api/kinds.ts'
import { serveStatic } from './fake-static.ts'

export interface FakeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    uid: string
    resourceVersion: string
    generation: number
    creationTimestamp: string
    labels?: Record<string, string>
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- the pages must cope with whatever stands here
  spec: any
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  status?: any
}
export interface LogRecord {
  sequence: number
  at: string
  stream: string
  text: string
}
const base = '/apis/moorline.dev/v1alpha1'

export interface FakeApi {
  url: string
  /** Every request, as "METHOD path?query". */
  requests: string[]
  role: string
  /** Answers watches and lists with this status instead while set. */
  outage: number | undefined
  isSignedIn: boolean
  /** The next request "METHOD plural" is refused with these causes, as an invalid object is. */
  refuseNext(request: string, causes: readonly { field: string; message: string }[]): void
  /** What was written into the data of Credentials, by name; reads show it sealed. */
  secrets: Map<string, Record<string, string>>
  /** How long the commands of a registration are valid. */
  registrationMs: number
  put(
    plural: Plural,
    object: Omit<FakeObject, 'apiVersion' | 'kind' | 'metadata'> & { metadata: { name: string } & Partial<FakeObject['metadata']> },
  ): FakeObject
  get(plural: Plural, name: string): FakeObject | undefined
  names(plural: Plural): string[]
  remove(plural: Plural, name: string): void
  log(task: string, ...records: LogRecord[]): void
  /** Ends all watches; with `forget`, versions before now are answered with 410. */
  cutWatches(forget?: boolean): void
  openWatches(): number
  close(): Promise<void>
}

interface Watcher {
  plural: Plural
  name: string | undefined
  response: ServerResponse
}

export async function startFakeApi(): Promise<FakeApi> {
  const objects = new Map<string, FakeObject>()
  const changes: { version: number; plural: Plural; type: string; object: FakeObject }[] = []
  const watchers = new Set<Watcher>()
  const logs = new Map<string, LogRecord[]>()
  const followers = new Map<ServerResponse, string>()
  let version = 1000
  let oldest = 0
  const usedCodes = new Set<string>()
  const refusals = new Map<string, readonly { field: string; message: string }[]>()

  function record(plural: Plural, type: string, object: FakeObject): void {
    changes.push({ version, plural, type, object })
    for (const watcher of watchers)
      if (watcher.plural === plural && (!watcher.name || watcher.name === object.metadata.name))
        watcher.response.write(`${JSON.stringify({ type, object })}\n`)
  }
  const api: FakeApi = {
    url: '',
    requests: [],
    role: 'admin',
    outage: undefined,
    isSignedIn: true,
    secrets: new Map(),
    registrationMs: 24 * 3600_000,
    refuseNext(request, causes) {
      refusals.set(request, causes)
    },
    put(plural, { metadata, spec, status }) {
      const old = objects.get(`${plural}/${metadata.name}`)
      version++
      const object: FakeObject = {
        apiVersion: 'moorline.dev/v1alpha1',
        kind: kindNames[plural],
        metadata: {
          uid: old?.metadata.uid ?? `uid-${version}`,
          generation: 1,
          creationTimestamp: old?.metadata.creationTimestamp ?? new Date().toISOString(),
          ...metadata,
          resourceVersion: String(version),
        },
        spec,
        status,
      }
      objects.set(`${plural}/${metadata.name}`, object)
      record(plural, old ? 'MODIFIED' : 'ADDED', object)
      return object
    },
    get: (plural, name) => objects.get(`${plural}/${name}`),
    names: (plural) => [...objects.keys()].filter((key) => key.startsWith(`${plural}/`)).map((key) => key.slice(plural.length + 1)),
    remove(plural, name) {
      const object = objects.get(`${plural}/${name}`)
      if (!object) return
      version++
      objects.delete(`${plural}/${name}`)
      record(plural, 'DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } })
    },
    log(task, ...records) {
      logs.set(task, [...(logs.get(task) ?? []), ...records])
      for (const [response, name] of followers) if (name === task) for (const line of records) response.write(`${JSON.stringify(line)}\n`)
    },
    cutWatches(forget = false) {
      if (forget) oldest = version + 1
      for (const { response } of watchers) response.destroy()
      watchers.clear()
    },
    openWatches: () => watchers.size,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  const answer = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const refuse = (response: ServerResponse, code: number, reason: string, message: string) =>
    answer(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message })

  function watch(response: ServerResponse, plural: Plural, name: string | undefined, from: number): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    if (from < oldest) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old', metadata: {} } })}\n`,
      )
      return
    }
    response.write('\n')
    for (const change of changes)
      if (change.version > from && change.plural === plural && (!name || change.object.metadata.name === name))
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`)
    const watcher = { plural, name, response }
    watchers.add(watcher)
    response.on('close', () => watchers.delete(watcher))
  }

  function list(response: ServerResponse, plural: Plural, query: URLSearchParams): void {
    const name = query.get('fieldSelector')?.replace('metadata.name=', '')
    if (query.get('watch') === 'true') return watch(response, plural, name, Number(query.get('resourceVersion')))
    const all = [...objects]
      .filter(([key, object]) => key.startsWith(`${plural}/`) && (!name || object.metadata.name === name))
      .map(([, object]) => object)
    const start = Number(query.get('continue') ?? 0)
    const end = start + Number(query.get('limit') ?? all.length)
    answer(response, 200, {
      kind: `${kindNames[plural]}List`,
      metadata: { resourceVersion: String(version), continue: end < all.length ? String(end) : undefined },
      items: all.slice(start, end),
    })
  }

  /** Secrets are kept apart, and replaced by the mark that the hub shows. */
  function seal(name: string, spec: FakeObject['spec']): FakeObject['spec'] {
    const old = api.secrets.get(name)
    const data = spec.data as Record<string, string>
    const kept = Object.entries(data).map(([key, value]) => [key, value === '(sealed)' ? (old?.[key] ?? '') : value])
    api.secrets.set(name, Object.fromEntries(kept))
    return { ...spec, data: Object.fromEntries(Object.keys(data).map((key) => [key, '(sealed)'])) }
  }
  const fingerprintOf = (name: string) => `sealed-${JSON.stringify(api.secrets.get(name) ?? {}).length}`

  function invalid(response: ServerResponse, causes: readonly { field: string; message: string }[]): void {
    const message = `invalid: ${causes.map((cause) => `${cause.field}: ${cause.message}`).join(', ')}`
    answer(response, 422, {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: 422,
      reason: 'Invalid',
      message,
      details: { causes },
    })
  }

  function register(response: ServerResponse, name: string): void {
    const token = `mlj.${name}.${version}`
    const expiresAt = new Date(Date.now() + api.registrationMs).toISOString()
    const manifestCommand = `printf 'header = "authorization: Bearer ${token}"' | curl -fsS --pinnedpubkey 'sha256//AAAA=' -K - https://hub/register/manifest | kubectl apply -f -`
    const hostCommand = `printf '%s' '${token}' | sh install.sh --kubeconfig /etc/kubernetes/admin.conf`
    const manifest = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: moorline-system\n`
    answer(response, 201, { manifestCommand, hostCommand, expiresAt, manifest })
  }

  function create(response: ServerResponse, plural: Plural, body: FakeObject): void {
    const name = body.metadata.name ?? `${(body.metadata as unknown as { generateName: string }).generateName}${version}`
    if (objects.has(`${plural}/${name}`)) return void refuse(response, 409, 'AlreadyExists', `${plural} "${name}" already exists`)
    const spec = plural === 'credentials' ? seal(name, body.spec) : body.spec
    const initial = { tasks: { state: 'Pending', attempt: 1 }, credentials: { fingerprint: fingerprintOf(name) } }[plural as string] ?? {}
    const made = api.put(plural, { metadata: { ...body.metadata, name }, spec, status: initial })
    const secret = {
      token: 'mlj.abcdefghij.0123456789abcdefghijklmnop',
      installCommand: "curl -fsS --pinnedpubkey 'sha256//AAAA=' https://hub/install.sh | sh -s -- --token mlj.abcdefghij",
    }
    answer(response, 201, plural === 'jointokens' || plural === 'accesstokens' ? { ...made, status: { ...made.status, ...secret } } : made)
  }

  function follow(response: ServerResponse, name: string, query: URLSearchParams): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    const since = Number(query.get('sinceSeq') ?? 0)
    response.write('\n')
    for (const line of logs.get(name) ?? []) if (line.sequence > since) response.write(`${JSON.stringify(line)}\n`)
    if (query.get('follow') !== 'true') return void response.end()
    followers.set(response, name)
    response.on('close', () => followers.delete(response))
  }

  async function bodyOf(request: IncomingMessage): Promise<unknown> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    return text === '' ? {} : JSON.parse(text)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake')
    api.requests.push(`${request.method} ${request.url}`)
    if (pathname === '/auth/whoami')
      return void (api.isSignedIn
        ? answer(response, 200, { user: 'admin', groups: [], roles: [api.role], via: 'session' })
        : refuse(response, 401, 'Unauthorized', 'no session'))
    if (pathname === '/auth/logout') {
      api.isSignedIn = false
      return void answer(response, 200, {})
    }
    if (pathname === '/auth/login') {
      const { code, token } = (await bodyOf(request)) as { code?: string; token?: string }
      api.isSignedIn = (code === 'good' && !usedCodes.has(code)) || token === 'good'
      if (code) usedCodes.add(code)
      return void (api.isSignedIn ? answer(response, 200, {}) : refuse(response, 401, 'Unauthorized', 'unknown code or token'))
    }
    if (!pathname.startsWith(`${base}/`)) return serveStatic(pathname, response)
    if (!api.isSignedIn) return void refuse(response, 401, 'Unauthorized', 'no session')
    if (api.outage !== undefined) return void refuse(response, api.outage, 'ServiceUnavailable', 'not now')
    const [plural, encoded, subresource] = pathname.slice(base.length + 1).split('/') as [Plural, string?, string?]
    const name = encoded && decodeURIComponent(encoded)
    const causes = refusals.get(`${request.method} ${plural}`)
    if (causes && refusals.delete(`${request.method} ${plural}`)) return invalid(response, causes)
    if (!name)
      return request.method === 'POST'
        ? create(response, plural, (await bodyOf(request)) as FakeObject)
        : list(response, plural, searchParams)
    const object = objects.get(`${plural}/${name}`)
    if (!object) return void refuse(response, 404, 'NotFound', `${plural} "${name}" not found`)
    if (subresource === 'log') return follow(response, name, searchParams)
    if (subresource === 'registration') return register(response, name)
    if (subresource === 'kubeconfig') {
      response.writeHead(200, { 'content-type': 'application/yaml', 'content-disposition': `attachment; filename="${name}.kubeconfig"` })
      return void response.end(`apiVersion: v1\nkind: Config\ncurrent-context: ${name}\n`)
    }
    if (subresource === 'cancel') {
      const state = { ...object.status, cancelRequestedAt: new Date().toISOString() }
      return void answer(response, 200, api.put(plural, { ...object, spec: { ...object.spec, cancel: true }, status: state }))
    }
    if (request.method === 'PATCH') {
      const { spec } = (await bodyOf(request)) as FakeObject
      const changed = plural === 'credentials' ? seal(name, { ...object.spec, ...spec }) : { ...object.spec, ...spec }
      const status = plural === 'credentials' ? { ...object.status, fingerprint: fingerprintOf(name) } : object.status
      return void answer(response, 200, api.put(plural, { ...object, spec: changed, status }))
    }
    if (request.method === 'DELETE') api.remove(plural, name)
    answer(response, 200, object)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => refuse(response, 500, 'InternalError', String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return api
}
