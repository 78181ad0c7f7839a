// The hub's API as its admin: what the kubeconfig that the hub wrote allows. Only the few calls that `npm start` makes.
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { parse } from 'yaml'
import { apiVersion } from '#shared/contract/meta.ts'

export const kindPath = `/apis/${apiVersion}`

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[]
  users: { user: { token: string } }[]
}

export interface AdminApi {
  url: string
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
  /** Status code of an unauthenticated GET, with its body. */
  probe(path: string): Promise<{ status: number; body: string }>
}

export async function openAdminApi(kubeconfigPath: string): Promise<AdminApi> {
  const config = parse(await readFile(kubeconfigPath, 'utf8')) as Kubeconfig
  const cluster = config.clusters[0]?.cluster
  const token = config.users[0]?.user.token
  if (!cluster || !token) throw new Error(`${kubeconfigPath} names no cluster or user`)
  const authority = cluster['certificate-authority-data']
  const ca = authority ? Buffer.from(authority, 'base64') : undefined

  async function call(method: string, path: string, body: unknown, headers: Record<string, string>) {
    const data = body === undefined ? undefined : JSON.stringify(body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        `${cluster?.server}${path}`,
        {
          method,
          ca,
          agent: false,
          timeout: 30_000,
          headers: { accept: 'application/json', ...(data ? { 'content-type': 'application/json' } : {}), ...headers },
        },
        resolve,
      )
      outgoing.once('error', reject)
      outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in 30 s`)))
      outgoing.end(data)
    })
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string
    return { status: response.statusCode ?? 0, body: text }
  }

  async function callAsAdmin<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await call(method, path, body, { authorization: `Bearer ${token}` })
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path}: ${answer.status} ${messageOf(answer.body)}`)
    }
    return JSON.parse(answer.body) as T
  }

  return {
    url: cluster.server,
    get: (path) => callAsAdmin('GET', path),
    post: (path, body) => callAsAdmin('POST', path, body),
    probe: (path) => call('GET', path, undefined, {}),
  }
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body
  } catch {
    // Not JSON: a proxy's page or an empty answer; show what came.
    return body.slice(0, 500)
  }
}
