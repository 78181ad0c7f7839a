import { connect as connectHttp2 } from 'node:http2'
import { type Agent, request as httpsRequest } from 'node:https'
import test from 'ava'
import { until } from '#test/helpers/until.ts'
import { base, manifest, startApi, type TestApi } from './fixture.ts'

interface Event {
  type: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into events freely
  object: any
}

interface Stream {
  events: Event[]
  status(): number
  isEnded(): boolean
  /** True when the connection broke instead of ending. */
  isBroken(): boolean
  close(): void
}

function watch(api: TestApi, path: string, options: { token?: string; headers?: Record<string, string>; agent?: Agent } = {}): Stream {
  const events: Event[] = []
  let status = 0
  let isEnded = false
  let isBroken = false
  let rest = ''
  const request = httpsRequest(
    {
      host: '127.0.0.1',
      port: api.port,
      path: `${base}/${path}`,
      ca: api.ca,
      agent: false,
      headers: { authorization: `Bearer ${options.token ?? api.adminToken}`, ...options.headers },
    },
    (response) => {
      status = response.statusCode ?? 0
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) events.push(JSON.parse(line) as Event)
      })
      response.on('end', () => (isEnded = true))
      response.on('error', () => (isBroken = true))
    },
  )
  request.on('error', () => (isBroken = true))
  request.end()
  return { events, status: () => status, isEnded: () => isEnded, isBroken: () => isBroken, close: () => request.destroy() }
}

const summary = ({ events }: Stream) => events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`.trim())

test('a watch from nothing begins with what exists and goes on with changes', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  const stream = watch(api, 'machines?watch=true')
  await until('the first event', () => stream.events.length === 1)
  await api.resources.create('Machine', manifest('Machine', 'm2', {}))
  await api.resources.modify('Machine', 'm2', (object) => ({ ...object, metadata: { ...object.metadata, labels: { a: 'b' } } }))
  await api.resources.delete('Machine', 'm1')
  await until('all events', () => stream.events.length === 4)
  t.deepEqual(summary(stream), ['ADDED m1', 'ADDED m2', 'MODIFIED m2', 'DELETED m1'])
  stream.close()
})

test('a watch from a resourceVersion brings exactly what came after it', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  const from = (await api.ask(`${base}/machines`, { token: api.adminToken })).json().metadata.resourceVersion as string
  await api.resources.create('Machine', manifest('Machine', 'm2', {}))
  const stream = watch(api, `machines?watch=1&resourceVersion=${from}`)
  await until('the missed event', () => stream.events.length === 1)
  await api.resources.delete('Machine', 'm2')
  await until('the live event', () => stream.events.length === 2)
  t.deepEqual(summary(stream), ['ADDED m2', 'DELETED m2'])
  stream.close()
})

test('initial events end with a bookmark that says so, and bookmarks keep coming', async (t) => {
  const api = await startApi(t, { watchLimits: { bookmarkMs: 100 } })
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  const stream = watch(api, 'machines?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan')
  await until('bookmarks', () => stream.events.length >= 3)
  t.is(stream.events[0]?.type, 'ADDED')
  t.like(stream.events[1], {
    type: 'BOOKMARK',
    object: { kind: 'Machine', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
  })
  t.is(stream.events[2]?.type, 'BOOKMARK')
  t.is(stream.events[2]?.object.metadata.annotations, undefined)
  t.is(stream.events[2]?.object.metadata.resourceVersion, String(api.store.currentResourceVersion()))
  stream.close()
})

test('an object that leaves a selector is deleted for that watcher', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', {}, { labels: { set: 'a' } }))
  const stream = watch(api, 'machines?watch=1&labelSelector=set%3Da')
  await until('the first event', () => stream.events.length === 1)
  const relabel = (set: string) =>
    api.resources.modify('Machine', 'm1', (object) => ({ ...object, metadata: { ...object.metadata, labels: { set } } }))
  await relabel('b')
  await relabel('c')
  await relabel('a')
  await until('three events', () => stream.events.length === 3)
  t.deepEqual(summary(stream), ['ADDED m1', 'DELETED m1', 'ADDED m1'])
  stream.close()
})

test('a resourceVersion that the hub never wrote is 410 Expired as an event', async (t) => {
  const api = await startApi(t)
  const stream = watch(api, 'machines?watch=1&resourceVersion=999999')
  await until('the end', () => stream.isEnded())
  t.like(stream.events[0], { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
})

test('what a watch cannot mean is refused with 400', async (t) => {
  const api = await startApi(t)
  for (const query of [
    'resourceVersion=abc',
    'sendInitialEvents=true',
    'resourceVersionMatch=Exact',
    'timeoutSeconds=-1',
    'labelSelector=%3D%3D',
    'fieldSelector=spec.nope%3D1',
  ])
    t.is((await api.ask(`${base}/machines?watch=1&${query}`, { token: api.adminToken })).status, 400, query)
})

test('a watch ends cleanly after timeoutSeconds', async (t) => {
  const api = await startApi(t)
  const stream = watch(api, 'machines?watch=1&timeoutSeconds=1')
  await until('the end', () => stream.isEnded())
  t.is(stream.status(), 200)
  t.false(stream.isBroken())
})

test('table watches send the columns once', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  await api.resources.create('Machine', manifest('Machine', 'm2', {}))
  const stream = watch(api, 'machines?watch=1', { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' } })
  await until('two events', () => stream.events.length === 2)
  t.is(stream.events[0]?.object.kind, 'Table')
  t.true(stream.events[0]?.object.columnDefinitions.length > 3)
  t.is(stream.events[1]?.object.columnDefinitions.length, 0)
  t.is(stream.events[1]?.object.rows[0].cells[0], 'm2')
  stream.close()
})

test('a watch ends when its token is deleted or its role is taken away', async (t) => {
  const api = await startApi(t)
  const first = watch(api, 'machines?watch=1', { token: await api.tokenFor('viewer') })
  const second = watch(api, 'machines?watch=1', { token: await api.tokenFor('viewer') })
  const third = watch(api, 'machines?watch=1')
  await until('all to be open', () => [first, second, third].every((stream) => stream.status() === 200))
  await api.resources.delete('AccessToken', 'token-user1')
  await until('the first to end', () => first.isEnded())
  t.false(second.isEnded())
  await api.resources.delete('AccessBinding', 'binding-user2')
  await until('the second to end', () => second.isEnded())
  t.false(third.isEnded())
  third.close()
})

test('a user of one cluster sees an object that moves away as deleted, without what it has become', async (t) => {
  const api = await startApi(t)
  for (const name of ['edge', 'core']) await api.resources.create('Cluster', manifest('Cluster', name, { type: 'Registered' }))
  await api.resources.create('Machine', manifest('Machine', 'm1', { clusterRef: 'edge' }))
  await api.resources.create('Machine', manifest('Machine', 'm2', { clusterRef: 'core' }))
  const stream = watch(api, 'machines?watch=1', { token: await api.tokenFor('viewer', 'edge') })
  await until('the first event', () => stream.events.length === 1)
  await api.resources.modify('Machine', 'm2', (object) => ({ ...object, metadata: { ...object.metadata, labels: { a: 'b' } } }))
  await api.resources.modify('Machine', 'm1', (object) => ({ ...object, spec: { clusterRef: 'core', displayName: 'secret' } }))
  await until('the second event', () => stream.events.length === 2)
  t.deepEqual(summary(stream), ['ADDED m1', 'DELETED m1'])
  t.notRegex(JSON.stringify(stream.events), /secret/)
  stream.close()
})

test('a watcher that does not read is ended and costs no more than its limit, others go on', async (t) => {
  const api = await startApi(t, { watchLimits: { pendingBytes: 256 * 1024 } })
  const healthy = watch(api, 'machines?watch=1')
  await until('the healthy watch', () => healthy.status() === 200)
  const session = connectHttp2(`https://${api.host}`, { ca: api.ca })
  session.on('error', () => {})
  const stalled = session.request({ ':path': `${base}/machines?watch=1`, authorization: `Bearer ${api.adminToken}` })
  let isBroken = false
  stalled.on('error', () => (isBroken = true))
  stalled.on('close', () => (isBroken = true))
  await new Promise((resolve) => stalled.once('response', resolve))
  stalled.pause()
  const pad = 'x'.repeat(20_000)
  let count = 0
  await until('the stalled watch to be ended', async () => {
    await api.resources.create('Machine', manifest('Machine', `m${++count}`, {}, { annotations: { pad } }))
    stalled.pause()
    return isBroken
  })
  await until('the healthy watch to have all', () => healthy.events.length === count)
  t.regex(await api.metrics.text(), /moorline_api_watches_closed_total\{kind="Machine",reason="slow"\} 1/)
  healthy.close()
  session.destroy()
})

test('the number of open watches has a limit', async (t) => {
  const api = await startApi(t, { watchLimits: { openStreams: 1 } })
  const first = watch(api, 'machines?watch=1')
  await until('the first watch', () => first.status() === 200)
  const second = await api.ask(`${base}/machines?watch=1`, { token: api.adminToken })
  t.is(second.status, 429)
  first.close()
  await until('room again', async () => {
    const third = watch(api, 'machines?watch=1')
    await until('an answer', () => third.status() !== 0)
    third.close()
    return third.status() === 200
  })
})

test('closing the API ends its watches', async (t) => {
  const api = await startApi(t)
  const stream = watch(api, 'machines?watch=1')
  await until('the watch', () => stream.status() === 200)
  await api.api.close()
  await until('its end', () => stream.isEnded() || stream.isBroken())
  t.is(api.sockets.size, 0)
})

test('a change reaches a watcher in well under 50 ms', async (t) => {
  const api = await startApi(t)
  const stream = watch(api, 'machines?watch=1')
  await until('the watch', () => stream.status() === 200)
  const delays: number[] = []
  for (let index = 0; index < 50; index++) {
    await api.resources.create('Machine', manifest('Machine', `m${index}`, {}))
    const committed = performance.now()
    await until('the event', () => stream.events.length > index, { intervalMs: 1 })
    delays.push(performance.now() - committed)
  }
  delays.sort((a, b) => a - b)
  t.log(`commit to watcher: median ${delays[25]?.toFixed(1)} ms, worst of 50 ${delays[49]?.toFixed(1)} ms`)
  t.true((delays[25] ?? Infinity) < 50)
  stream.close()
})
