// How an imported cluster is reached and with what: from its spec and its Credential in clear. Pure; what is wrong names a field.
import type { ClusterSpec } from '#shared/contract/cluster.ts'
import { parseProxyUrl, type Proxy } from '#shared/net/proxy-url.ts'
import { certificatesOf, KubeconfigRefused, readInlineKubeconfig } from '#hub/credentials/kubeconfig.ts'
import type { OpenedCredential } from '#hub/credentials/types.ts'

export interface ImportedAccess {
  host: string
  port: number
  /** '' or '/k8s/clusters/c-1' */
  pathPrefix: string
  /** Of the Host header. */
  authority: string
  tls: { servername: string; ca?: string; cert?: string; key?: string }
  authorization?: string
  /** Of the kubeconfig; spec.proxy comes first. */
  proxy?: Proxy
}

/** `field` is a path of the Cluster. */
export class AccessRefused extends Error {
  override readonly name = 'AccessRefused'
  readonly field: string
  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

/** @throws AccessRefused; never quotes a secret */
export function accessOf(spec: ClusterSpec, { type, data }: Pick<OpenedCredential, 'type' | 'data'>): ImportedAccess {
  if (spec.certificateAuthority !== undefined && certificatesOf(spec.certificateAuthority) === undefined)
    throw new AccessRefused('spec.certificateAuthority', 'is not a PEM certificate')
  if (type === 'Kubeconfig') return ofKubeconfig(spec, data.kubeconfig ?? '')
  if (spec.apiServer === undefined)
    throw new AccessRefused('spec.apiServer', 'is needed with a token: the address of the API server as the hub reaches it')
  return {
    ...addressOf(spec.apiServer, undefined, spec.certificateAuthority),
    authorization: `Bearer ${data.token ?? ''}`,
  }
}

function ofKubeconfig({ apiServer, certificateAuthority }: ClusterSpec, content: string): ImportedAccess {
  let config: ReturnType<typeof readInlineKubeconfig>
  try {
    config = readInlineKubeconfig(content)
  } catch (error) {
    if (error instanceof KubeconfigRefused) throw new AccessRefused('spec.credentialRef', `the kubeconfig: ${error.message}`)
    throw error
  }
  const { server, serverName, ca, cert, key, token, basic, proxyUrl } = config
  const address = addressOf(apiServer ?? server, serverName, certificateAuthority ?? ca)
  const proxy = proxyUrl === undefined ? undefined : parseProxyUrl(proxyUrl)
  if (typeof proxy === 'string') throw new AccessRefused('spec.credentialRef', `the kubeconfig: proxy-url ${proxy}`)
  return {
    ...address,
    tls: { ...address.tls, ...(cert && { cert, key }) },
    // A token comes before a user name, as in client-go.
    ...(token
      ? { authorization: `Bearer ${token}` }
      : basic && { authorization: `Basic ${base64(`${basic.username}:${basic.password}`)}` }),
    ...(proxy && { proxy }),
  }
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64')

function addressOf(text: string, serverName: string | undefined, ca: string | undefined): Omit<ImportedAccess, 'authorization' | 'proxy'> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.protocol !== 'https:') throw new AccessRefused('spec.apiServer', 'is not an https address')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    ...{ host, port: Number(url.port || 443), pathPrefix: url.pathname.replace(/\/+$/, ''), authority: url.host },
    tls: { servername: serverName ?? host, ...(ca !== undefined && { ca }) },
  }
}
