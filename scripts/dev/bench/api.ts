// Listing 10,000 machines, beside a bare HTTP/2 server that sends the same bytes from memory; and the time from a change to a
// watcher, beside what the change itself takes (its answer arrives after it is durable).
import { type ClientHttp2Session, connect, createSecureServer, type ServerHttp2Stream } from 'node:http2'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { apiVersion } from '#shared/contract/meta.ts'
import { collectFacts } from '#agent/facts/collect.ts'
import { createHost } from '#agent/host/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { type BenchHub, startBenchHub } from './hub.ts'
import { type BenchSuite, median, quantile, row } from './row.ts'

const machineCount = 10_000
const changes = 1_000
const base = `/apis/${apiVersion}`

interface Reply {
  status: number
  body: Buffer
  ms: number
}

function open(url: string, ca?: Buffer): ClientHttp2Session {
  const session = connect(url, { ca, settings: { initialWindowSize: 16 * 1024 * 1024 } })
  // Only a connected session has a window.
  session.once('connect', () => session.setLocalWindowSize(64 * 1024 * 1024))
  return session
}

function call(session: ClientHttp2Session, method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    const chunks: Buffer[] = []
    let status = 0
    stream.on('response', (reply) => (status = Number(reply[':status'])))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve({ status, body: Buffer.concat(chunks), ms: performance.now() - startMs }))
    stream.on('error', reject)
    stream.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function credentials(hub: BenchHub): Promise<{ ca: Buffer; headers: Record<string, string> }> {
  const config = parse(await readFile(join(hub.dataDir, 'admin.kubeconfig'), 'utf8')) as {
    clusters: { cluster: { 'certificate-authority-data': string } }[]
    users: { user: { token: string } }[]
  }
  return {
    ca: Buffer.from(config.clusters[0]?.cluster['certificate-authority-data'] as string, 'base64'),
    headers: { authorization: `Bearer ${config.users[0]?.user.token}`, 'content-type': 'application/json', accept: 'application/json' },
  }
}

export const suite: BenchSuite = async (progress) => {
  const hub = await startBenchHub()
  const { ca, headers } = await credentials(hub)
  const session = open(`https://127.0.0.1:${hub.port}`, ca)
  try {
    const facts = await collectFacts({ host: createHost({ clock: systemClock, environment: process.env }), clock: systemClock })
    progress(`creating ${machineCount} machines with the facts of this one`)
    let next = 0
    const createSome = async () => {
      while (next < machineCount) {
        const name = `m-${next++}`
        const created = await call(session, 'POST', `${base}/machines`, headers, {
          apiVersion,
          kind: 'Machine',
          metadata: { name, labels: { site: `s${next % 50}` } },
          spec: {},
        })
        if (created.status !== 201) throw new Error(`create: ${created.status} ${created.body.toString().slice(0, 500)}`)
        const patched = await call(
          session,
          'PATCH',
          `${base}/machines/${name}/status`,
          { ...headers, 'content-type': 'application/merge-patch+json' },
          { status: { facts } },
        )
        if (patched.status !== 200) throw new Error(`status: ${patched.status} ${patched.body.toString().slice(0, 500)}`)
      }
    }
    const createMs = performance.now()
    await Promise.all(Array.from({ length: 50 }, createSome))
    const writesPerSecond = (2 * machineCount) / ((performance.now() - createMs) / 1000)

    progress('listing')
    const table = { ...headers, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
    const time = async (asked: Record<string, string>): Promise<{ ms: number; body: Buffer }> => {
      const replies: Reply[] = []
      for (let round = 0; round < 9; round++) replies.push(await call(session, 'GET', `${base}/machines`, asked))
      return { ms: median(replies.map((reply) => reply.ms)), body: replies[0]?.body as Buffer }
    }
    const json = await time(headers)
    const asTable = await time(table)
    const bare = await bareServer(json.body)

    progress('watching')
    const latencies = await watchLatencies(session, headers)
    return [
      row('machine writes through the API (create and status)', 'writes/s', writesPerSecond, '', null),
      row(
        `list ${machineCount} machines, ${(json.body.length / 2 ** 20).toFixed(0)} MiB of JSON`,
        'ms',
        json.ms,
        'bare node:http2 sending the same bytes',
        bare,
      ),
      row(`list ${machineCount} machines as kubectl's table`, 'ms', asTable.ms, 'budget', 300),
      row(
        'a change reaches a watcher, p50 after the request was sent',
        'ms',
        quantile(latencies.seenMs, 0.5),
        'its durable answer p50',
        quantile(latencies.answeredMs, 0.5),
      ),
      row('a change reaches a watcher, p99', 'ms', quantile(latencies.seenMs, 0.99), 'budget', 50),
    ]
  } finally {
    session.close()
    await hub.stop()
  }
}

async function bareServer(body: Buffer): Promise<number> {
  const { key, cert } = await selfSigned()
  const server = createSecureServer({ key, cert })
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 })
    stream.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = open(`https://localhost:${(server.address() as { port: number }).port}`, Buffer.from(cert))
  const times: number[] = []
  for (let round = 0; round < 9; round++) times.push((await call(session, 'GET', '/', {})).ms)
  session.close()
  server.close()
  return median(times)
}

async function selfSigned(): Promise<{ key: string; cert: string }> {
  await import('reflect-metadata')
  const { X509CertificateGenerator, SubjectAlternativeNameExtension } = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return { key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`, cert: certificate.toString('pem') }
}

async function watchLatencies(session: ClientHttp2Session, headers: Record<string, string>) {
  const listed = JSON.parse((await call(session, 'GET', `${base}/machines?limit=1`, headers)).body.toString()) as {
    metadata: { resourceVersion: string }
  }
  const stream = session.request({ ':path': `${base}/machines?watch=true&resourceVersion=${listed.metadata.resourceVersion}`, ...headers })
  const seen = new Map<string, () => void>()
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines)
      seen.get(
        (JSON.parse(line) as { object: { metadata: { annotations?: { mark?: string } } } }).object.metadata.annotations?.mark ?? '',
      )?.()
  })
  const seenMs: number[] = []
  const answeredMs: number[] = []
  for (let index = 0; index < changes; index++) {
    const startMs = performance.now()
    const arrival = new Promise<void>((resolve) =>
      seen.set(String(index), () => {
        seenMs.push(performance.now() - startMs)
        seen.delete(String(index))
        resolve()
      }),
    )
    const patch = { metadata: { annotations: { mark: String(index) } } }
    const reply = await call(
      session,
      'PATCH',
      `${base}/machines/m-${index}`,
      { ...headers, 'content-type': 'application/merge-patch+json' },
      patch,
    )
    if (reply.status !== 200) throw new Error(`patch: ${reply.status} ${reply.body.toString().slice(0, 500)}`)
    answeredMs.push(reply.ms)
    await arrival
  }
  stream.close()
  return { seenMs, answeredMs }
}
