// The text of a kubeconfig: its current context with cluster and user. What the fields may hold is decided by who uses them: an agent
// takes files of its machine, a hub only what is inline. Nothing in an error quotes the text; it may be a key.
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'

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
  ...{ as: text, 'as-groups': Type.Optional(Type.Unknown()), 'as-uid': text, 'as-user-extra': Type.Optional(Type.Unknown()) },
  ...{ exec: Type.Optional(Type.Unknown()), 'auth-provider': Type.Optional(Type.Unknown()) },
}
const Kubeconfig = Type.Object({
  'current-context': Type.String(),
  clusters: named('cluster', clusterFields),
  users: named('user', userFields),
  contexts: named('context', { cluster: Type.String(), user: Type.String() }),
})
type Fields<T extends Parameters<typeof Type.Object>[0]> = Static<ReturnType<typeof Type.Object<T>>>

export interface KubeconfigContext {
  cluster: Fields<typeof clusterFields>
  user: Fields<typeof userFields>
  /** Where they are, for errors: `clusters[1].cluster` */
  paths: { cluster: string; user: string }
  userName: string
}

/** @throws Error whose message goes on from the name of the file: "is not YAML" */
export function parseKubeconfig(content: string): KubeconfigContext {
  let parsed: unknown
  try {
    parsed = parse(content, { maxAliasCount: 10 })
  } catch {
    // The parser's message quotes the line.
    throw new Error('is not YAML')
  }
  if (!Value.Check(Kubeconfig, parsed)) {
    const [first] = Value.Errors(Kubeconfig, parsed)
    throw new Error(`is not a kubeconfig: ${first?.instancePath || 'the document'} ${first?.message ?? ''}`)
  }
  const find = <T>(list: readonly object[], wanted: string, key: string): [T, number] => {
    const at = (list as { name: string }[]).findIndex((item) => item.name === wanted)
    if (at < 0) throw new Error(`has no ${key} ${JSON.stringify(wanted)}`)
    return [(list[at] as Record<string, T>)[key] as T, at]
  }
  const [context] = find<{ cluster: string; user: string }>(parsed.contexts, parsed['current-context'], 'context')
  const [cluster, clusterAt] = find<KubeconfigContext['cluster']>(parsed.clusters, context.cluster, 'cluster')
  const [user, userAt] = find<KubeconfigContext['user']>(parsed.users, context.user, 'user')
  return { cluster, user, paths: { cluster: `clusters[${clusterAt}].cluster`, user: `users[${userAt}].user` }, userName: context.user }
}
