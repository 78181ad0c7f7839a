// A kubeconfig with one context, as every one of this hub is.

export interface KubeconfigFacts {
  /** Of cluster, user and context in the file. */
  name: string
  server: string
  /** Without it kubectl trusts the system's. */
  caPem?: string
  token: string
}

export function kubeconfigOf({ name, server, caPem, token }: KubeconfigFacts): object {
  const ca = encodeCa(caPem)
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, ...(ca && { 'certificate-authority-data': ca }) } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
}

export function encodeCa(pem: string | undefined): string | undefined {
  return pem === undefined ? undefined : Buffer.from(pem).toString('base64')
}
