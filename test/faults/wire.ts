// Agents made of nothing but an identity: enrolled like any other, then whatever the wire lets somebody do with their credentials.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createUser, encodeUser } from '@nats-io/jwt'
import { connect, jwtAuthenticator, type NatsConnection } from 'nats'
import { createKeys, publicHalf } from '#agent/enroll/keys.ts'
import { createProcedures, emptyMetadata, type Procedures, type ServiceError } from '#agent/link/grpc.ts'
import type { Identity } from '#agent/link/types.ts'
import { keyPairFromSeed } from '#hub/gateway/nats/nkey.ts'
import { EventAck, type Event, EventBatch, Hello, HelloReply } from '#proto/moorline/v1/control.ts'
import { EnrollmentServiceClient, EnrollRequest, type EnrollResponse } from '#proto/moorline/v1/procedures.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { JoinToken, JoinTokenSpec } from '#shared/contract/join-token.ts'
import { fromAgent, serverNames } from '#shared/contract/subjects.ts'
import { pinsOf } from '#test/helpers/agent.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import type { Fleet } from './fleet.ts'
import type { Owner } from './owner.ts'

export const fingerprintOf = (machine: string): string => Buffer.from(machine.padEnd(32, '.')).toString('hex').slice(0, 64)

export interface TokenGiven {
  name: string
  token: string
  pins: string[]
}

export async function giveToken(fleet: Fleet, spec: JoinTokenSpec = {}): Promise<TokenGiven> {
  const body = {
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'JoinToken',
    metadata: { generateName: 'wire-' },
    spec: { uses: 1, approval: 'Automatic', ...spec },
  }
  const answer = await fleet.client().ask('POST', `${kindPath}/jointokens`, { body })
  if (answer.status !== 201) throw new Error(answer.text)
  const made = answer.json<JoinToken>()
  const token = made.status?.token ?? ''
  fleet.secrets.set(`token of ${made.metadata.name}`, token)
  return { name: made.metadata.name, token, pins: pinsOf(made) }
}

export interface Asked {
  /** gRPC status, 0 when there was an answer. */
  code: number
  message: string
  answer?: EnrollResponse
  keys: ReturnType<typeof createKeys>
}

export interface AskToEnroll {
  keys?: ReturnType<typeof createKeys>
  request?: Partial<EnrollRequest>
  /** Where to dial instead of the hub: a relay. */
  port?: number
}

/** One call of Enroll, answered or refused. */
export async function askToEnroll(fleet: Fleet, { token, pins }: TokenGiven, options: AskToEnroll = {}): Promise<Asked> {
  const keys = options.keys ?? createKeys()
  const { csr, natsPublicKey } = publicHalf(keys)
  const procedures = createProcedures({
    hub: { host: '127.0.0.1', port: options.port ?? fleet.hub.port },
    clock: systemClock,
    tls: () => ({ servername: serverNames.enroll, trust: { fleetCa: fleet.client().ca.toString(), pins } }),
    onError: () => {},
  })
  const request = EnrollRequest.fromPartial({
    ...{ joinToken: token, csr, natsPublicKey, hostname: 'wire', machineFingerprint: fingerprintOf('wire') },
    ...{ agentVersion: 'test', os: 'linux', architecture: 'x64', addresses: ['192.0.2.1'] },
    ...options.request,
  })
  try {
    return await new Promise<Asked>((resolve) => {
      const done = (error: ServiceError | null, answer?: EnrollResponse) =>
        resolve({ code: error?.code ?? 0, message: error?.details ?? '', answer: error ? undefined : answer, keys })
      procedures.client(EnrollmentServiceClient).enroll(request, emptyMetadata(), { deadline: Date.now() + 20_000 }, done)
    })
  } finally {
    procedures.close()
  }
}

/** The identity in an answer. */
export function identityOf({ answer, keys, message }: Asked): Identity {
  const bundle = answer?.identity
  if (!answer || !bundle) throw new Error(`no identity was given: ${message}`)
  return {
    generation: 1,
    agentId: answer.agentId,
    machineName: answer.machineName,
    fleetCa: bundle.fleetCa,
    pins: bundle.pins,
    cert: bundle.certificateChain,
    key: keys.privateKey,
    serial: '',
    notBefore: new Date(),
    notAfter: bundle.notAfter ?? new Date(),
    natsUserJwt: bundle.natsUserJwt,
    natsSeed: keys.natsSeed,
    taskSigningKeys: bundle.taskSigningKeys.map((key) => Buffer.from(key)),
  }
}

export async function enrolled(fleet: Fleet, spec: JoinTokenSpec = {}, options: AskToEnroll = {}): Promise<Identity> {
  return identityOf(await askToEnroll(fleet, await giveToken(fleet, spec), options))
}

/** A raw NATS connection through the hub's port, with the identity's credentials or others. */
export function natsOf(fleet: Fleet, identity: Identity, other: Partial<Identity> = {}): Promise<NatsConnection> {
  const { natsUserJwt, natsSeed } = { ...identity, ...other }
  return connect({
    servers: `127.0.0.1:${fleet.hub.port}`,
    authenticator: jwtAuthenticator(natsUserJwt, Buffer.from(natsSeed)),
    // The types of the package know fewer TLS options than it passes on.
    tls: { handshakeFirst: true, servername: serverNames.nats, ca: identity.fleetCa, cert: identity.cert, key: identity.key } as object,
    inboxPrefix: `hub.${identity.agentId}.inbox`,
    ignoreClusterUpdates: true,
    reconnect: false,
    timeout: 10_000,
  })
}

export function proceduresOf(owner: Owner, fleet: Fleet, identity: Identity): Procedures {
  const procedures = createProcedures({
    hub: { host: '127.0.0.1', port: fleet.hub.port },
    clock: systemClock,
    tls: () => ({ servername: serverNames.grpc, trust: identity, client: identity }),
    onError: () => {},
  })
  owner.teardown(async () => procedures.close())
  return procedures
}

export async function sayHello(nats: NatsConnection, identity: Identity, more: Partial<Hello> = {}): Promise<HelloReply> {
  const hello = Hello.fromPartial({
    ...{ protocolVersion: 1, agentVersion: 'test', bootId: 'boot', sessionId: randomBytes(8).toString('hex') },
    ...{ machineFingerprint: fingerprintOf('wire'), allowedActions: ['exec'], ...more },
  })
  return HelloReply.decode((await nats.request(fromAgent.hello(identity.agentId), Hello.encode(hello).finish(), { timeout: 10_000 })).data)
}

export async function sendEvents(nats: NatsConnection, identity: Identity, events: Event[]): Promise<EventAck> {
  const data = EventBatch.encode({ events }).finish()
  return EventAck.decode((await nats.request(fromAgent.events(identity.agentId), data, { timeout: 15_000 })).data)
}

/** Somebody inside the NATS server: hears and says everything. Copies what passes; what passes goes on all the same. */
export async function tapNats(fleet: Fleet): Promise<NatsConnection> {
  const keys = JSON.parse(await readFile(join(fleet.dataDir, 'nats/keys.json'), 'utf8')) as { fleetAccount: string }
  const user = createUser()
  const everything = { pub: { allow: ['>'] }, sub: { allow: ['>'] } }
  const jwt = await encodeUser('tap', user, keyPairFromSeed(keys.fleetAccount), everything)
  return connect({
    servers: await natsAddress(fleet),
    authenticator: jwtAuthenticator(jwt, user.getSeed()),
    noEcho: true,
    reconnect: false,
  })
}

async function natsAddress(fleet: Fleet): Promise<string> {
  const pid = Number(await readFile(join(fleet.dataDir, 'nats/server.pid'), 'utf8'))
  const ports = await until('the port of nats-server', () => readFile(join(fleet.dataDir, `nats/ports/nats-server_${pid}.ports`), 'utf8'))
  return /"nats:\/\/([^"]*:\d+)"/.exec(ports)?.[1] ?? ''
}

/** A relay that goes out from another address of the loopback network each time, or from the one given. */
export async function startAddressRelay(owner: Owner, target: number, address?: string): Promise<number> {
  const sockets = new Set<Socket>()
  let next = 2
  const server = createServer((inner) => {
    const localAddress = address ?? `127.0.${next >> 8}.${next++ & 255}`
    const outer = connectTcp({ port: target, host: '127.0.0.1', localAddress })
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        inner.destroy()
        outer.destroy()
        sockets.delete(socket)
      })
    }
    inner.pipe(outer).pipe(inner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as { port: number }).port
}
