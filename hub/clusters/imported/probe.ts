// One dial of an imported cluster before it, or a new secret for it, is accepted. What fails is said at the field that is to be changed.
import type { Cluster } from '#shared/contract/cluster.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { DialError, type DialErrorCode } from '#shared/errors/dial-error.ts'
import type { Credentials, OpenedCredential } from '#hub/credentials/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { createClusterClient } from '../client.ts'
import { type ClusterProbe, probeCluster } from '../probe.ts'
import { ClusterReadError } from '../read.ts'
import { AccessRefused, accessOf } from './access.ts'
import { importedRoute } from './route.ts'

/** A person waits for the answer to a write. */
export const probeTimeoutMs = 12_000

export interface ImportedProbe extends ClusterProbe {
  credentialFingerprint: string
}

/** `field` is a path of the Cluster, `message` says what failed and what to do. */
export class ProbeRefused extends Error {
  override readonly name = 'ProbeRefused'
  readonly field: string
  constructor(field: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.field = field
  }
}

/** @throws ProbeRefused */
export async function probeImported(
  cluster: Cluster,
  { credentials, clock }: { credentials: Credentials; clock: Clock },
): Promise<ImportedProbe> {
  const opened = openCredential(cluster, credentials)
  // Connections of its own: nothing of a refused attempt is kept.
  const client = createClusterClient({ clock })
  const ending = new AbortController()
  const late = new ClusterReadError('Timeout', `no answer within ${probeTimeoutMs / 1000} s`)
  const timer = clock.setTimer(probeTimeoutMs, () => ending.abort(late), true)
  try {
    const route = importedRoute(cluster, opened.fingerprint, accessOf(cluster.spec, opened), { credentials, clock })
    return { ...(await probeCluster({ client, route, clock, signal: ending.signal })), credentialFingerprint: opened.fingerprint }
  } catch (error) {
    throw refusalOf(error, cluster)
  } finally {
    timer.cancel()
    await client.close()
  }
}

function openCredential({ metadata: { name }, spec }: Cluster, credentials: Credentials): OpenedCredential {
  try {
    return credentials.open(spec.credentialRef ?? '', { types: ['Kubeconfig', 'Token'], cluster: name })
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw new ProbeRefused('spec.credentialRef', error.message, error)
  }
}

const fieldOf: Readonly<Record<DialErrorCode, string>> = {
  NameNotFound: 'spec.apiServer',
  AddressForbidden: 'spec.apiServer',
  Unreachable: 'spec.apiServer',
  DialTimeout: 'spec.apiServer',
  ProxyUnreachable: 'spec.proxy',
  ProxyAuthenticationFailed: 'spec.proxy.credentialRef',
  ProxyRefused: 'spec.proxy',
  ProxyProtocol: 'spec.proxy',
  TlsUntrusted: 'spec.certificateAuthority',
  TlsWrongName: 'spec.apiServer',
  TlsExpired: 'spec.apiServer',
  TlsFailed: 'spec.apiServer',
}

/** Faults of this program stay what they are. */
function refusalOf(error: unknown, { spec }: Cluster): unknown {
  if (error instanceof AccessRefused) return new ProbeRefused(error.field, error.message, error)
  if (!(error instanceof ClusterReadError)) return error
  const { cause, message, reason } = error
  if (cause instanceof DialError) {
    const field = fieldOf[cause.code]
    // The proxy of a kubeconfig is changed there.
    const at = field.startsWith('spec.proxy') && !spec.proxy ? 'spec.credentialRef' : field
    return new ProbeRefused(at, `${cause.message}. ${cause.next}`, error)
  }
  if (cause instanceof ApiError) return new ProbeRefused('spec.proxy.credentialRef', message, error)
  switch (reason) {
    case 'Unauthorized':
      return new ProbeRefused(
        'spec.credentialRef',
        `the cluster does not accept the credential (${message}). Give one that is valid there now`,
        error,
      )
    case 'Forbidden':
      return new ProbeRefused(
        'spec.credentialRef',
        `the credential may not read what tells this cluster from others (${message}). Bind it to a ClusterRole with the rights that docs/credentials.md lists`,
        error,
      )
    case 'NotFound':
    case 'NotUnderstood':
      return new ProbeRefused(
        'spec.apiServer',
        `what answers is not the API of a Kubernetes cluster (${message}). Check address and path`,
        error,
      )
    case 'Failing':
      return new ProbeRefused('spec.apiServer', `the API server fails (${message}). Try again when it is well`, error)
    case 'Unreachable':
      if (isAboutClientCertificate(cause))
        return new ProbeRefused(
          'spec.credentialRef',
          `the cluster refuses the client certificate (${message}). Give one that its CA has signed and that has not expired`,
          error,
        )
      return new ProbeRefused('spec.apiServer', `${message}. Check that the address is that of an API server`, error)
    default:
      return new ProbeRefused('spec.apiServer', `${message}. Check the address, and that firewalls let the hub through`, error)
  }
}

/** With TLS 1.3 a server says so only after the handshake. */
function isAboutClientCertificate(cause: unknown): boolean {
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException
  return /^ERR_SSL_.*ALERT.*(CERT|CA)/.test(code)
}
