// The real API over the real store and resources, on its own port, directory and certificate.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { Agent, request as httpsRequest } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { systemClock } from '#shared/clock/clock.ts'
import type { AccessToken, RoleName } from '#shared/contract/access.ts'
import { silentLog } from '#shared/log/log.ts'
import { createApi } from '#hub/api/server.ts'
import type { Api, ApiDeps } from '#hub/api/types.ts'
import { createAuth } from '#hub/auth/create.ts'
import type { Auth } from '#hub/auth/types.ts'
import { credentialKindOptions } from '#hub/credentials/kind-options.ts'
import { createCredentials } from '#hub/credentials/open.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import type { Vault } from '#hub/credentials/vault.ts'
import { createMetrics, type Metrics } from '#hub/observability/metrics.ts'
import { createResources } from '#hub/resources/create.ts'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import type { Resources } from '#hub/resources/types.ts'
import { openStore } from '#hub/store/open.ts'
import type { Store } from '#hub/store/types.ts'
import { kubectl, type KubectlResult } from '#test/helpers/kubectl.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { testVault } from '#test/hub/credentials/support.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers freely
  json(): any
}

export interface Ask {
  method?: string
  token?: string
  headers?: Record<string, string>
  body?: string | Buffer | object
}

export interface TestApi {
  port: number
  host: string
  ca: string
  api: Api
  store: Store
  resources: Resources
  auth: Auth
  metrics: Metrics
  adminToken: string
  /** A token of a new user with this role. */
  tokenFor(role: RoleName | undefined, clusterRef?: string): Promise<string>
  /** Over HTTP/1.1; a path or a whole request. */
  ask(path: string, options?: Ask): Promise<Answer>
  kubeconfig(token?: string): Promise<string>
  kubectl(...args: string[]): Promise<KubectlResult>
  kubectlInput(stdin: string, ...args: string[]): Promise<KubectlResult>
  /** Raw TCP connections that are open now. */
  sockets: Set<Socket>
}

export const base = '/apis/moorline.dev/v1alpha1'
export const manifest = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind,
  metadata: { name, ...metadata },
  spec,
})

let certificate: Promise<{ key: string; cert: string }> | undefined

export async function selfSigned(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys: keys as never,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        { type: 'dns', value: 'localhost' },
      ]),
      new x509.BasicConstraintsExtension(true, undefined, true),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    cert: made.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`,
  }
}

export interface StartApiOptions extends Partial<ApiDeps> {
  /** More of the API that needs the parts made here. */
  extend?(
    parts: Pick<ApiDeps, 'resources' | 'store' | 'auth' | 'clock' | 'tls'> & { credentials: Credentials; vault: Vault },
  ): Partial<ApiDeps>
}

export async function startApi(t: Owner, { extend, ...options }: StartApiOptions = {}): Promise<TestApi> {
  const directory = await tempDir(t)
  const clock = options.clock ?? systemClock
  const tls = await (certificate ??= selfSigned())
  const store = await openStore({ path: join(directory, 'hub.db'), log: silentLog, clock })
  const vault = testVault()
  const definitions = kindDefinitions({ randomBytes, installCommand: (token) => `install ${token}`, ...credentialKindOptions(vault) })
  const resources = createResources({ store, definitions, clock, random: Math.random })
  const auth = createAuth({ resources, clock, randomBytes })
  t.teardown(async () => {
    auth.close()
    await store.close()
  })
  const metrics = createMetrics()
  const api = await createApi({
    resources,
    store,
    auth,
    log: silentLog,
    clock,
    tls,
    version: '0.1.0',
    readiness: () => Promise.resolve([{ name: 'store', ok: true, message: '' }]),
    metrics,
    ...options,
    ...extend?.({ resources, store, auth, clock, tls, credentials: createCredentials({ resources, vault }), vault }),
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    api.acceptSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ ca: tls.cert, keepAlive: true })
  t.teardown(async () => {
    agent.destroy()
    await api.close()
    await new Promise((resolve) => server.close(resolve))
  })

  let users = 0
  const createToken = async (user: string): Promise<string> => {
    const made = await resources.create<AccessToken>('AccessToken', manifest('AccessToken', `token-${user}`, { user }))
    return made.status?.token as string
  }
  const bind = (user: string, role: RoleName, clusterRef?: string) =>
    resources.create(
      'AccessBinding',
      manifest('AccessBinding', `binding-${user}`, { role, subjects: [{ kind: 'User', name: user }], clusterRef }),
    )
  await bind('root', 'admin')
  const adminToken = await createToken('root')

  const self: TestApi = {
    port,
    host: `127.0.0.1:${port}`,
    ca: tls.cert,
    api,
    store,
    resources,
    auth,
    metrics,
    adminToken,
    sockets,
    async tokenFor(role, clusterRef) {
      const user = `user${++users}`
      if (role) await bind(user, role, clusterRef)
      return createToken(user)
    },
    ask: (path, { method = 'GET', token, headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
        const text = body === undefined ? undefined : isRaw ? body : JSON.stringify(body)
        const sent = {
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text as string)) }),
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        }
        const request = httpsRequest({ host: '127.0.0.1', port, path, method, agent, headers: sent }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString()
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer, json: () => JSON.parse(answer) })
          })
        })
        request.on('error', reject)
        request.end(text)
      }),
    async kubeconfig(token = adminToken) {
      const path = join(directory, `${token.slice(4, 12)}.kubeconfig`)
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          {
            name: 'c',
            cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': Buffer.from(tls.cert).toString('base64') },
          },
        ],
        users: [{ name: 'u', user: { token } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }
      await writeFile(path, JSON.stringify(config))
      await chmod(path, 0o600)
      return path
    },
    kubectl: async (...args) => kubectl(await self.kubeconfig(), args),
    kubectlInput: async (stdin, ...args) => kubectl(await self.kubeconfig(), args, { stdin }),
  }
  return self
}
