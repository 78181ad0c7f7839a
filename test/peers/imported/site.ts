// A hub's API that dials imported clusters: real HTTP API and admission, a real TLS API server of our own with a CA of its own.
import type { ExecutionContext } from 'ava'
import { createProxy } from '#hub/api/proxy/create.ts'
import { createClusterClient, type ClusterClient } from '#hub/clusters/client.ts'
import { createAdmission } from '#hub/clusters/imported/admit.ts'
import { createImportedRoutes } from '#hub/clusters/imported/route.ts'
import { createClusterRoutes } from '#hub/clusters/routes.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import { silentLog } from '#shared/log/log.ts'
import { base, manifest, startApi, type TestApi } from '#test/hub/api/fixture.ts'
import { type TestCa, testCa } from '#test/hub/dial/certificates.ts'
import { type FakeKube, type FakeKubeOptions, startFakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'

export interface ImportSite extends TestApi {
  ca: string
  kubeCa: TestCa
  credentials: Credentials
  client: ClusterClient
  /** An API server whose certificate the CA has signed. */
  kube(options?: FakeKubeOptions): Promise<FakeKube>
  /** POST as admin, or as another user; the answer whatever it is. */
  create(
    kind: 'Cluster' | 'Credential',
    name: string,
    spec: object,
    options?: { query?: string; token?: string },
  ): ReturnType<TestApi['ask']>
  replace(name: string, data: object, query?: string): ReturnType<TestApi['ask']>
}

export async function startImportSite(t: ExecutionContext): Promise<ImportSite> {
  const kubeCa = await testCa()
  let credentials: Credentials | undefined
  let client: ClusterClient | undefined
  const facts = { publicUrl: '', caPem: '' }
  const api = await startApi(t as never, {
    extend({ resources, store, auth, clock, tls, credentials: opened, vault }) {
      credentials = opened
      const made = createClusterClient({ clock })
      client = made
      const routes = createClusterRoutes({ imported: createImportedRoutes({ credentials: opened, clock }) })
      const proxy = createProxy({ ...{ resources, store, auth, clock, routes, client: made }, log: silentLog, facts: () => facts })
      t.teardown(async () => {
        proxy.close()
        await made.close()
      })
      facts.caPem = String(tls.cert)
      const admit = createAdmission({ resources, credentials: opened, vault, clock })
      return { admit, routes: [proxy.register], upgrades: [proxy.upgrade] }
    },
  })
  facts.publicUrl = `https://${api.host}`
  const plural = { Cluster: 'clusters', Credential: 'credentials' } as const
  return {
    ...api,
    kubeCa,
    credentials: credentials as Credentials,
    client: client as ClusterClient,
    kube: async (options) => startFakeKube(t as never, { tls: await kubeCa.issue(), ...options }),
    create: (kind, name, spec, { query = '', token = api.adminToken } = {}) =>
      api.ask(`${base}/${plural[kind]}${query}`, { method: 'POST', token, body: manifest(kind, name, spec) }),
    replace: (name, data, query = '') =>
      api.ask(`${base}/credentials/${name}${query}`, {
        method: 'PATCH',
        token: api.adminToken,
        headers: { 'content-type': 'application/merge-patch+json' },
        body: { spec: { data } },
      }),
  }
}

export interface KubeconfigParts {
  server: string
  ca?: string
  user: object
  cluster?: object
}

export function kubeconfigText({ server, ca, user, cluster }: KubeconfigParts): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, ...(ca && { 'certificate-authority-data': base64(ca) }), ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** `field: message` of each cause. */
export const causesOf = (answer: { json(): unknown }): string[] =>
  ((answer.json() as { details?: { causes?: { field: string; message: string }[] } }).details?.causes ?? []).map(
    ({ field, message }) => `${field}: ${message}`,
  )
