// A kubeconfig that the hub may use: everything inline, nothing that would run a program, read a file of the hub or skip a check.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { type KubeconfigContext, parseKubeconfig } from '#shared/kubernetes/kubeconfig.ts'

export interface InlineKubeconfig {
  /** https, without a slash at the end. */
  server: string
  /** PEM. */
  ca?: string
  serverName?: string
  /** socks5:// or http://, may have user and password. */
  proxyUrl?: string
  /** PEM, leaf first. */
  cert?: string
  key?: string
  token?: string
  basic?: { username: string; password: string }
}

export class KubeconfigRefused extends Error {
  override readonly name = 'KubeconfigRefused'
}

type Part = 'cluster' | 'user'

/** Fields that the hub does not follow, with what to do instead. */
const refused: readonly [Part, string, string][] = [
  ['user', 'exec', 'runs a program, which the hub does not do; give a client certificate or a token of a service account'],
  ['user', 'auth-provider', 'runs a program, which the hub does not do; give a client certificate or a token of a service account'],
  ['user', 'tokenFile', 'names a file, which is not on the hub; put the token inline as "token"'],
  [
    'user',
    'client-certificate',
    'names a file, which is not on the hub; make the file with `kubectl config view --raw --minify --flatten`',
  ],
  ['user', 'client-key', 'names a file, which is not on the hub; make the file with `kubectl config view --raw --minify --flatten`'],
  ['user', 'as', 'acts as somebody else; the hub does that itself for each of its users'],
  ['user', 'as-groups', 'acts as somebody else; the hub does that itself for each of its users'],
  ['user', 'as-uid', 'acts as somebody else; the hub does that itself for each of its users'],
  ['user', 'as-user-extra', 'acts as somebody else; the hub does that itself for each of its users'],
  [
    'cluster',
    'certificate-authority',
    'names a file, which is not on the hub; make the file with `kubectl config view --raw --minify --flatten`',
  ],
]

/** @throws KubeconfigRefused naming the field; never quotes a value */
export function readInlineKubeconfig(content: string): InlineKubeconfig {
  const context = parsed(content)
  const { cluster, user, paths, userName } = context
  for (const [part, field, why] of refused)
    if ((context[part] as Record<string, unknown>)[field] !== undefined) throw new KubeconfigRefused(`${paths[part]}.${field} ${why}`)
  if (cluster['insecure-skip-tls-verify'])
    throw new KubeconfigRefused(
      `${paths.cluster}.insecure-skip-tls-verify skips the check of the server; give its CA as certificate-authority-data instead`,
    )
  const at = (part: Part, field: string) => `${paths[part]}.${field}`
  const cert = pem(user['client-certificate-data'], at('user', 'client-certificate-data'))
  const key = pem(user['client-key-data'], at('user', 'client-key-data'))
  if ((cert === undefined) !== (key === undefined))
    throw new KubeconfigRefused(
      `${paths.user} has ${cert ? 'a client certificate without its key' : 'a client key without its certificate'}`,
    )
  if (cert !== undefined && key !== undefined) checkPair(cert, key, paths.user)
  const ca = pem(cluster['certificate-authority-data'], at('cluster', 'certificate-authority-data'))
  if (ca !== undefined && certificatesOf(ca) === undefined)
    throw new KubeconfigRefused(`${at('cluster', 'certificate-authority-data')} is not a PEM certificate`)
  const { token, username, password } = user
  if (token !== undefined && !isHeaderText(token)) throw new KubeconfigRefused(`${at('user', 'token')} has characters that no token has`)
  const basic = username !== undefined && password !== undefined ? { username, password } : undefined
  if (!token && !cert && !basic)
    throw new KubeconfigRefused(`${paths.user} (${userName}) has neither a client certificate with its key nor a token`)
  const proxyUrl = cluster['proxy-url'] || undefined
  if (proxyUrl !== undefined && !/^(socks5h?|http):\/\//.test(proxyUrl))
    throw new KubeconfigRefused(`${at('cluster', 'proxy-url')} must begin with socks5:// or http://`)
  return {
    server: serverOf(cluster.server, at('cluster', 'server')),
    ...{ ca, serverName: cluster['tls-server-name'] || undefined, proxyUrl, cert, key, token: token || undefined, basic },
  }
}

/** The certificates of a PEM text; undefined when there is none or one cannot be read. */
export function certificatesOf(text: string): X509Certificate[] | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return undefined
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    // Which byte is wrong helps nobody; the field is named by the caller.
    return undefined
  }
}

/** What may stand in a header line. */
export const isHeaderText = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

function parsed(content: string): KubeconfigContext {
  try {
    return parseKubeconfig(content)
  } catch (error) {
    throw new KubeconfigRefused((error as Error).message)
  }
}

function pem(data: string | undefined, field: string): string | undefined {
  if (!data) return undefined
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(data)) throw new KubeconfigRefused(`${field} is not base64`)
  return Buffer.from(data, 'base64').toString('utf8')
}

function checkPair(cert: string, key: string, path: string): void {
  const [leaf] = certificatesOf(cert) ?? []
  if (!leaf) throw new KubeconfigRefused(`${path}.client-certificate-data is not a PEM certificate`)
  let isPair: boolean
  try {
    isPair = leaf.checkPrivateKey(createPrivateKey(key))
  } catch {
    throw new KubeconfigRefused(`${path}.client-key-data is not a PEM key, or needs a passphrase`)
  }
  if (!isPair) throw new KubeconfigRefused(`${path}.client-key-data is not the key of the client certificate`)
}

function serverOf(text: string, field: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.protocol !== 'https:' || url.username || url.password || url.search || url.hash)
    throw new KubeconfigRefused(`${field} must be https://host:port; the hub speaks nothing else to an API server`)
  return url.href.replace(/\/+$/, '')
}
