import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type ChannelCredentials, Client, type ClientReadableStream, status } from '@grpc/grpc-js'
import test from 'ava'
import { EventBatch } from '#proto/moorline/v1/control.ts'
import {
  ArtifactServiceClient,
  ArtifactServiceService,
  BackfillServiceClient,
  BackfillServiceService,
  EnrollmentServiceClient,
  EnrollmentServiceService,
  EnrollRequest,
  FetchRequest,
  type FetchResponse,
  IdentityServiceClient,
  IdentityServiceService,
  RenewRequest,
} from '#proto/moorline/v1/procedures.ts'
import { grpcConnectionWindowBytes, grpcStreamWindowBytes } from '#shared/contract/grpc-windows.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { until } from '#test/helpers/until.ts'
import { asServer, type Fixture, startFixture, type TestAgent } from '../fixture.ts'

let fixture: Fixture
const artifact = randomBytes(3_000_000)
const artifactDigest = createHash('sha256').update(artifact).digest('hex')
test.before(async () => {
  fixture = await startFixture({
    hasReflection: true,
    artifacts: (name) => (name === 'agent.bin' ? join(fixture.dataDir, name) : undefined),
    handlers: {
      async renew() {
        throw new ApiError('Conflict', 'not now')
      },
    },
  })
  await writeFile(join(fixture.dataDir, 'agent.bin'), artifact)
})
test.after.always(() => fixture?.close())

const address = (): string => `127.0.0.1:${fixture.port}`
type Maker<T> = new (target: string, credentials: ChannelCredentials, options: object) => T
const client = <T>(Made: Maker<T>, serverName: string, agent?: TestAgent): T =>
  new Made(address(), fixture.credentials(agent), asServer(serverName))

const codeOf = (run: (done: (error: { code: number } | null) => void) => void): Promise<number> =>
  new Promise((resolve) => run((error) => resolve(error?.code ?? 0)))
const services = [EnrollmentServiceService, IdentityServiceService, ArtifactServiceService, BackfillServiceService]
const methods = [
  ...services.flatMap((service) => Object.values(service).map(({ path }) => path)),
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
]
const identity = (bytes: Buffer): Buffer => bytes
/** Calls a method by its path with an empty message. */
const call = (made: Client, path: string): Promise<number> =>
  codeOf((done) => made.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), done as never))

test('under the enrolment name every method but Enroll is unknown', async (t) => {
  const made = client(Client, serverNames.enroll)
  for (const path of methods) {
    t.is(await call(made, path), path === '/moorline.v1.EnrollmentService/Enroll' ? status.OK : status.UNIMPLEMENTED, path)
  }
  made.close()
})

test('under the agents name no method answers without a certificate, and Enroll not even with one', async (t) => {
  const stranger = client(Client, serverNames.grpc)
  for (const path of methods) t.is(await call(stranger, path), status.UNAVAILABLE, path)
  stranger.close()
  const known = client(Client, serverNames.grpc, await fixture.agent())
  t.is(await call(known, '/moorline.v1.EnrollmentService/Enroll'), status.UNIMPLEMENTED)
  t.is(await call(known, '/grpc.health.v1.Health/Check'), status.OK)
  known.close()
})

test('each call is refused as soon as the identity is, on the connection that was open before', async (t) => {
  const agent = await fixture.agent()
  const made = client(Client, serverNames.grpc, agent)
  t.is(await call(made, '/grpc.health.v1.Health/Check'), status.OK)
  fixture.denied.add(agent.agentId)
  for (const path of methods.filter((name) => !name.includes('Enroll'))) t.is(await call(made, path), status.PERMISSION_DENIED, path)
  made.close()
  t.true(fixture.recorded.security.some(({ kind }) => kind === 'CallRefused'))
})

test('a stream ends at the first message after the identity is refused', async (t) => {
  const agent = await fixture.agent()
  const made = client(BackfillServiceClient, serverNames.grpc, agent)
  const stream = made.backfill()
  const code = new Promise<number>((resolve) => stream.on('error', (error) => resolve((error as unknown as { code: number }).code)))
  const batch = EventBatch.fromPartial({ events: [{ sequence: 1n, taskUid: 'u', attempt: 1, body: { $case: 'started', value: {} } }] })
  const acks: unknown[] = []
  stream.on('data', (reply) => acks.push(reply))
  stream.write({ batch })
  await until('the first acknowledgement', () => acks.length === 1)
  stream.write({ batch: EventBatch.fromPartial({ events: [] }) })
  await until('the refusal of a batch that is not valid', () => acks.length === 2)
  t.like(acks[1], { ack: { refused: 'Invalid' } })
  fixture.denied.add(agent.agentId)
  stream.write({ batch })
  t.is(await code, status.PERMISSION_DENIED)
  t.is(acks.length, 2)
  made.close()
})

test('revoking ends a stream that is open', async (t) => {
  const agent = await fixture.agent()
  const made = client(BackfillServiceClient, serverNames.grpc, agent)
  const stream = made.backfill()
  const ended = new Promise<number>((resolve) => stream.on('error', (error) => resolve((error as unknown as { code: number }).code)))
  await until('the connection', () => fixture.recorded.calls.some(({ name, agentId }) => name === 'used' && agentId === agent.agentId))
  const start = performance.now()
  await fixture.gateway.revoke(agent.agentId)
  t.is(await ended, status.UNAVAILABLE)
  t.true(performance.now() - start < 5000)
  made.close()
})

test("the caller's id and serial come from its certificate, and a refusal of the hub has its meaning", async (t) => {
  const agent = await fixture.agent()
  const made = client(IdentityServiceClient, serverNames.grpc, agent)
  t.is(await codeOf((done) => made.renew(RenewRequest.fromPartial({}), done)), status.ABORTED)
  t.true(fixture.recorded.calls.some(({ name, agentId, body }) => name === 'used' && agentId === agent.agentId && body === agent.serial))
  made.close()
})

test('a request over the limit is refused before it reaches a handler', async (t) => {
  const made = client(EnrollmentServiceClient, serverNames.enroll)
  t.is(await codeOf((done) => made.enroll(EnrollRequest.fromPartial({ hostname: 'x'.repeat(70_000) }), done)), status.RESOURCE_EXHAUSTED)
  t.false(
    fixture.recorded.calls.some(({ name, body }) => name === 'enroll' && (body as { request: EnrollRequest }).request.hostname !== ''),
  )
  made.close()
})

/** The windows a peer is told: of each stream by SETTINGS, of the connection by WINDOW_UPDATE. */
async function negotiatedWindows(serverName: string, agent?: TestAgent): Promise<{ stream: number; connection: number }> {
  const socket = await fixture.tls(serverName, agent)
  const session = connectHttp2(`https://${serverName}`, { createConnection: () => socket })
  try {
    await new Promise((resolve, reject) => {
      session.once('remoteSettings', resolve)
      session.once('error', reject)
    })
    // Not reached is the answer that this function is there to find.
    await until('the connection window', () => (session.state.remoteWindowSize ?? 0) > 65_535, { timeoutMs: 3000 }).catch(() => undefined)
    return { stream: session.remoteSettings.initialWindowSize ?? 0, connection: session.state.remoteWindowSize ?? 0 }
  } finally {
    session.destroy()
  }
}

test('a real peer is told the tuned windows, not the defaults', async (t) => {
  const expected = { stream: grpcStreamWindowBytes.hubReceives, connection: grpcConnectionWindowBytes }
  t.deepEqual(await negotiatedWindows(serverNames.grpc, await fixture.agent()), expected)
  t.deepEqual(await negotiatedWindows(serverNames.enroll), expected)
  t.true(expected.stream > 65_535)
})

const collect = (stream: ClientReadableStream<FetchResponse>): Promise<{ bytes: Buffer; largest: number; total: bigint; code: number }> =>
  new Promise((resolve) => {
    const parts: Buffer[] = []
    let total = 0n
    const finish = (code: number) =>
      resolve({ bytes: Buffer.concat(parts), largest: Math.max(0, ...parts.map(({ length }) => length)), total, code })
    stream.on('data', (message: FetchResponse) => {
      parts.push(message.data)
      total = message.totalBytes
    })
    stream.on('error', (error) => finish((error as unknown as { code: number }).code))
    stream.on('end', () => finish(0))
  })

test('an artifact arrives whole, from any offset, in messages of 64 KiB', async (t) => {
  const made = client(ArtifactServiceClient, serverNames.grpc, await fixture.agent())
  const fetch = (request: object) =>
    collect(made.fetch(FetchRequest.fromPartial({ name: 'agent.bin', sha256: artifactDigest, ...request })))
  const whole = await fetch({})
  t.like(whole, { code: 0, largest: 65_536, total: 3_000_000n })
  t.true(whole.bytes.equals(artifact))
  t.true((await fetch({ offset: 2_999_001n })).bytes.equals(artifact.subarray(2_999_001)))
  t.like(await fetch({ offset: 3_000_000n }), { code: 0, largest: 0, total: 3_000_000n })
  t.is((await fetch({ offset: 3_000_001n })).code, status.OUT_OF_RANGE)
  t.is((await fetch({ sha256: 'f'.repeat(64) })).code, status.FAILED_PRECONDITION)
  for (const name of ['', 'other', '../agent.bin', '/etc/passwd', 'agent.bin/..', '__proto__', 'a\u0000'])
    t.is((await fetch({ name })).code, status.NOT_FOUND, name)
  made.close()
})

test('a client that stops reading holds up its own stream and nothing else', async (t) => {
  const agent = await fixture.agent()
  const made = client(ArtifactServiceClient, serverNames.grpc, agent)
  const stalled = made.fetch(FetchRequest.fromPartial({ name: 'agent.bin', sha256: artifactDigest }))
  stalled.on('error', () => {})
  stalled.pause()
  t.is((await collect(made.fetch(FetchRequest.fromPartial({ name: 'agent.bin', sha256: artifactDigest })))).bytes.length, artifact.length)
  stalled.cancel()
  made.close()
})

test('reflection lists the services when it is asked for', async (t) => {
  const made = client(Client, serverNames.grpc, await fixture.agent())
  const stream = made.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', identity, identity)
  const reply = new Promise<Buffer>((resolve, reject) => {
    stream.once('data', resolve)
    stream.once('error', reject)
  })
  // Field 7, list_services, of ServerReflectionRequest.
  stream.write(Buffer.from([0x3a, 1, 0x2a]))
  t.true((await reply).toString('latin1').includes('moorline.v1.IdentityService'))
  stream.end()
  made.close()
})
