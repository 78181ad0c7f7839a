// A gateway with real TLS, a real nats-server and handlers that record what reaches them, and agents made of nothing but
// a key, a certificate and raw client libraries.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { ChannelCredentials } from '@grpc/grpc-js'
import { createUser, type KeyPair } from '@nats-io/jwt'
import * as x509 from '@peculiar/x509'
import { connect, jwtAuthenticator, type NatsConnection } from 'nats'
import { EventAck, HeartbeatAck, HelloReply } from '#proto/moorline/v1/control.ts'
import { EnrollResponse, RenewResponse } from '#proto/moorline/v1/procedures.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { serverNames } from '#shared/contract/subjects.ts'
import { silentLog } from '#shared/log/log.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import { createGateway } from '#hub/gateway/create.ts'
import type { Gateway, GatewayHandlers, GatewayOptions, SecurityEvent } from '#hub/gateway/types.ts'
import { openPki } from '#hub/pki/open.ts'
import type { Pki } from '#hub/pki/types.ts'

export interface Recorded {
  calls: { name: string; agentId: string; body?: unknown }[]
  security: SecurityEvent[]
  disconnected: string[]
  web: Socket[]
}

export interface TestAgent {
  agentId: string
  keyPem: string
  chainPem: string
  serial: string
  nats: KeyPair
  jwt: string
}

export interface Fixture {
  dataDir: string
  pki: Pki
  gateway: Gateway
  port: number
  recorded: Recorded
  denied: Set<string>
  agent(): Promise<TestAgent>
  natsConnect(agent: TestAgent, overrides?: { jwt?: string; nats?: KeyPair; tls?: Partial<ConnectionOptions> }): Promise<NatsConnection>
  /** A finished TLS handshake under the name. */
  tls(serverName: string, agent?: Pick<TestAgent, 'keyPem' | 'chainPem'>): Promise<TLSSocket>
  credentials(agent?: TestAgent): ChannelCredentials
  close(): Promise<void>
}

const letters = 'abcdefghijklmnopqrstuvwxyz234567'
export const newAgentId = (): string => `a${[...webcrypto.getRandomValues(new Uint8Array(25))].map((byte) => letters[byte % 32]).join('')}`

export async function newCsr(namedCurve = 'P-256', name = 'CN=somebody'): Promise<{ keyPem: string; csrDer: Buffer }> {
  const algorithm = { name: 'ECDSA', namedCurve, hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), csrDer: Buffer.from(csr.rawData) }
}

export async function makeAgent(pki: Pki, gateway: Pick<Gateway, 'natsUserJwt'>, agentId = newAgentId()): Promise<TestAgent> {
  const { keyPem, csrDer } = await newCsr()
  const { chainPem, serial } = await pki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId, machineName: 'machine' })
  const nats = createUser()
  return { agentId, keyPem, chainPem, serial, nats, jwt: await gateway.natsUserJwt(agentId, nats.getPublicKey()) }
}

export async function startFixture(
  options: Partial<Omit<GatewayOptions, 'handlers'>> & { handlers?: Partial<GatewayHandlers> } = {},
): Promise<Fixture> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'moorline-gateway-')))
  const pki = await openPki({ dataDir, names: ['localhost', '127.0.0.1'], clock: systemClock })
  const recorded: Recorded = { calls: [], security: [], disconnected: [], web: [] }
  const denied = new Set<string>()
  const record = (name: string, agentId: string, body?: unknown): void => void recorded.calls.push({ name, agentId, body })
  const handlers: GatewayHandlers = {
    async enroll(request, { address }) {
      record('enroll', '', { request, address })
      return EnrollResponse.fromPartial({ machineName: request.hostname, message: 'seen' })
    },
    async renew(agentId, request, context) {
      record('renew', agentId, { request, context })
      return RenewResponse.fromPartial({})
    },
    isAllowed: (agentId) => (denied.has(agentId) ? { ok: false, reason: 'Revoked' } : { ok: true }),
    onCertificateUsed: (agentId, serial) => record('used', agentId, serial),
    async hello(agentId, hello, context) {
      record('hello', agentId, { hello, context })
      return HelloReply.fromPartial({ accepted: true, committedSequence: 7n })
    },
    async heartbeat(agentId, heartbeat) {
      record('heartbeat', agentId, heartbeat)
      return HeartbeatAck.fromPartial({ counter: heartbeat.counter, known: true })
    },
    async events(agentId, batch) {
      record('events', agentId, batch)
      return EventAck.fromPartial({ committedSequence: batch.events.at(-1)?.sequence })
    },
    onDisconnect: (agentId) => void recorded.disconnected.push(agentId),
    onSecurityEvent: (event) => void recorded.security.push(event),
    ...options.handlers,
  }
  const gateway = await createGateway({
    pki,
    dataDir,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    onWebSocket(socket) {
      recorded.web.push(socket)
      socket.on('error', () => {})
      socket.end('web')
    },
    artifacts: () => undefined,
    ...options,
    handlers,
  })
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 })
  return {
    dataDir,
    pki,
    gateway,
    port,
    recorded,
    denied,
    agent: () => makeAgent(pki, gateway),
    natsConnect: (agent, overrides = {}) =>
      connect({
        servers: `127.0.0.1:${port}`,
        authenticator: jwtAuthenticator(overrides.jwt ?? agent.jwt, (overrides.nats ?? agent.nats).getSeed()),
        // nats.js types know fewer TLS options than it passes on.
        tls: {
          handshakeFirst: true,
          servername: serverNames.nats,
          ca: pki.fleetCaPem,
          cert: agent.chainPem,
          key: agent.keyPem,
          ...overrides.tls,
        } as object,
        inboxPrefix: `hub.${agent.agentId}.inbox`,
        ignoreClusterUpdates: true,
        reconnect: false,
        timeout: 5_000,
      }),
    tls: (serverName, agent) =>
      new Promise((resolve, reject) => {
        const socket = connectTls({
          host: '127.0.0.1',
          port,
          servername: serverName,
          ca: pki.fleetCaPem,
          cert: agent?.chainPem,
          key: agent?.keyPem,
          ALPNProtocols: ['h2'],
        })
        socket.once('secureConnect', () => resolve(socket))
        socket.on('error', reject)
      }),
    credentials: (agent) =>
      ChannelCredentials.createSsl(
        Buffer.from(pki.fleetCaPem),
        agent === undefined ? null : Buffer.from(agent.keyPem),
        agent === undefined ? null : Buffer.from(agent.chainPem),
      ),
    async close() {
      await gateway.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Channel options under which grpc-js asks for one of the hub's virtual names. */
export const asServer = (serverName: string): Record<string, string> => ({
  'grpc.ssl_target_name_override': serverName,
  'grpc.default_authority': serverName,
})
