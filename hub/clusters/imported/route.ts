// The way to an imported cluster: the hub dials its API server, verifies it, and adds the Credential to each request.
import type { Duplex } from 'node:stream'
import type { Clock } from '#shared/clock/clock.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Proxy } from '#shared/net/proxy-url.ts'
import type { Credentials, OpenedCredential } from '#hub/credentials/types.ts'
import { dial, nameOf } from '#hub/dial/dial.ts'
import { proxyOf } from '#hub/dial/proxy.ts'
import { endWhenUnreachable } from '#hub/dial/silence.ts'
import { startTls } from '#hub/dial/tls.ts'
import type { ClusterRoute, ConnectOptions } from '../types.ts'
import { AccessRefused, accessOf, type ImportedAccess } from './access.ts'

/** With it a cable that was cut is found within 30 s. */
const againTimeoutMs = 5_000

export interface ImportedOptions {
  credentials: Credentials
  clock: Clock
}

/** For a cluster as it is stored. @throws ApiError ServiceUnavailable */
export function createImportedRoutes(options: ImportedOptions): (cluster: Cluster) => ClusterRoute {
  // Reading a kubeconfig takes longer than a request may wait for; a stored object and its credential stay what they are.
  const known = new WeakMap<Cluster, { fingerprint: string; access: ImportedAccess }>()
  return (cluster) => {
    const { name } = cluster.metadata
    const { credentialRef } = cluster.spec
    if (credentialRef === undefined)
      throw new ApiError('ServiceUnavailable', `cluster ${name} names no Credential: set its spec.credentialRef`, { kind: 'Cluster', name })
    const opened = options.credentials.open(credentialRef, { types: ['Kubeconfig', 'Token'], cluster: name })
    let entry = known.get(cluster)
    if (entry?.fingerprint !== opened.fingerprint) {
      entry = { fingerprint: opened.fingerprint, access: usable(cluster, opened) }
      known.set(cluster, entry)
    }
    return importedRoute(cluster, opened.fingerprint, entry.access, options)
  }
}

/** @param fingerprint of the Credential, so that connections made with an older one are not used again */
export function importedRoute(
  { metadata, spec }: Pick<Cluster, 'metadata' | 'spec'>,
  fingerprint: string,
  access: ImportedAccess,
  { credentials, clock }: ImportedOptions,
): ClusterRoute {
  const { host, port, tls, pathPrefix, authority, authorization } = access
  const { name, uid } = metadata
  const proxy = (): Proxy | undefined => (spec.proxy ? proxyOf(spec.proxy, credentials, name) : access.proxy)
  const open = async (limits: { signal?: AbortSignal; timeoutMs?: number }) => {
    const socket = await dial({ host, port, proxy: proxy(), clock, ...limits })
    return startTls(socket, { ...tls, where: nameOf({ host, port }), clock, ...limits })
  }
  const dialAgain = async () => void (await open({ timeoutMs: againTimeoutMs })).destroy()
  return {
    key: JSON.stringify([uid, fingerprint, spec.apiServer, spec.certificateAuthority, spec.proxy]),
    ...{ pathPrefix, host: authority },
    headers: authorization === undefined ? {} : { authorization },
    // Its credential reads what the hub wants to know, before and without anything being bound in the cluster.
    isHubItself: true,
    async connect({ signal }: ConnectOptions): Promise<Duplex> {
      const connection = await open({ signal })
      endWhenUnreachable(connection, { clock, dialAgain })
      return connection
    },
  }
}

function usable({ metadata: { name }, spec }: Cluster, opened: OpenedCredential): ImportedAccess {
  try {
    return accessOf(spec, opened)
  } catch (error) {
    if (!(error instanceof AccessRefused)) throw error
    throw new ApiError('ServiceUnavailable', `cluster ${name} cannot be dialled: ${error.field}: ${error.message}`, {
      kind: 'Cluster',
      name,
    })
  }
}
