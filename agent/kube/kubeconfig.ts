// The current context of a kubeconfig file: address, trust and credentials. What would run a program or skip a check is refused.
import { dirname, resolve } from 'node:path'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import type { KubeAccess, ReadText } from './types.ts'

const text = Type.Optional(Type.String({ maxLength: 256 * 1024 }))
const named = <T extends Parameters<typeof Type.Object>[0]>(key: string, fields: T) =>
  Type.Array(Type.Object({ name: Type.String(), [key]: Type.Object(fields) }), { maxItems: 1000 })

const clusterFields = {
  server: Type.String({ maxLength: 2048 }),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': Type.Optional(Type.Boolean()),
  'proxy-url': text,
}
const userFields = {
  ...{ 'client-certificate': text, 'client-certificate-data': text, 'client-key': text, 'client-key-data': text },
  ...{ token: text, tokenFile: text, username: text, password: text },
  ...{ exec: Type.Optional(Type.Unknown()), 'auth-provider': Type.Optional(Type.Unknown()) },
}
const Kubeconfig = Type.Object({
  'current-context': Type.String(),
  clusters: named('cluster', clusterFields),
  users: named('user', userFields),
  contexts: named('context', { cluster: Type.String(), user: Type.String() }),
})
type Fields<T extends Parameters<typeof Type.Object>[0]> = Static<ReturnType<typeof Type.Object<T>>>

/** @throws Error that says what is wrong with which file */
export async function readKubeconfig(path: string, readText: ReadText): Promise<KubeAccess> {
  const content = await readText(path)
  if (content === undefined) throw new Error(`${path} does not exist`)
  let parsed: unknown
  try {
    parsed = parse(content, { maxAliasCount: 10 })
  } catch {
    // The parser's message quotes the line, which may be a key.
    throw new Error(`${path} is not YAML`)
  }
  if (!Value.Check(Kubeconfig, parsed)) {
    const [first] = Value.Errors(Kubeconfig, parsed)
    throw new Error(`${path} is not a kubeconfig: ${first?.instancePath || 'the document'} ${first?.message ?? ''}`)
  }
  const name = parsed['current-context']
  const find = <T>(list: readonly object[], wanted: string, key: string, what: string): T => {
    const entry = (list as ({ name: string } & Record<string, T>)[]).find((item) => item.name === wanted)
    if (!entry) throw new Error(`${path} has no ${what} ${JSON.stringify(wanted)}`)
    return entry[key] as T
  }
  const context = find<{ cluster: string; user: string }>(parsed.contexts, name, 'context', 'context')
  const cluster = find<Fields<typeof clusterFields>>(parsed.clusters, context.cluster, 'cluster', 'cluster')
  const user = find<Fields<typeof userFields>>(parsed.users, context.user, 'user', 'user')

  if (cluster['insecure-skip-tls-verify']) throw new Error(`${path} skips the check of the API server's certificate; give its CA instead`)
  if (cluster['proxy-url']) throw new Error(`${path} needs a proxy; this agent connects directly`)
  if (user.exec !== undefined || user['auth-provider'] !== undefined)
    throw new Error(`${path} gets its credentials from a program; give a client certificate or a token instead`)
  if (user.username !== undefined) throw new Error(`${path} has a user name and a password, which no API server takes any more`)

  const load = async (data: string | undefined, file: string | undefined, what: string): Promise<string | undefined> => {
    if (data) return Buffer.from(data, 'base64').toString('utf8')
    if (!file) return undefined
    const loaded = await readText(resolve(dirname(path), file))
    if (loaded === undefined) throw new Error(`${path} names ${what} ${file}, which does not exist`)
    return loaded
  }
  const token = user.token ?? (await load(undefined, user.tokenFile, 'the token file'))?.trim()
  const cert = await load(user['client-certificate-data'], user['client-certificate'], 'the certificate')
  const key = await load(user['client-key-data'], user['client-key'], 'the key')
  if (!token && !(cert && key))
    throw new Error(`${path} has neither a client certificate with its key nor a token for ${JSON.stringify(context.user)}`)
  const url = new URL(cluster.server)
  if (url.protocol !== 'https:') throw new Error(`${path} names ${url.protocol}//${url.host}; only https is spoken to an API server`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 443),
    basePath: url.pathname.replace(/\/+$/, ''),
    tls: {
      ca: await load(cluster['certificate-authority-data'], cluster['certificate-authority'], 'the CA'),
      ...{ cert, key, servername: cluster['tls-server-name'] },
    },
    authorization: token && `Bearer ${token}`,
  }
}
