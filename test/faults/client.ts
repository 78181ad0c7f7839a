// An API client that hides nothing: status, headers and body as they came, also of what is refused.
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { parse } from 'yaml'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json<T>(): T
}

export interface AskOptions {
  body?: unknown
  headers?: Record<string, string>
  /** Default: the admin's. null sends none. */
  token?: string | null
}

export interface Client {
  url: string
  ca: Buffer
  token: string
  /** Rejects only when there was no whole answer. A string or buffer is sent as it is, anything else as JSON. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  /** Calls for each line of an answer that may be endless; resolves when it ends, rejects when it is cut. */
  lines(path: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>
  close(): void
}

export const kindPath = '/apis/moorline.dev/v1alpha1'
const timeoutMs = 20_000

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { user: { token: string } }[]
}

export async function openClient(kubeconfig: string): Promise<Client> {
  const config = parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig
  const cluster = config.clusters[0]?.cluster
  const token = config.users[0]?.user.token
  if (!cluster || !token) throw new Error(`${kubeconfig} names no cluster or user`)
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64')
  const agent = new Agent({ ca, keepAlive: false })

  const send = (method: string, path: string, options: AskOptions, signal?: AbortSignal): Promise<IncomingMessage> => {
    const { body } = options
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
    const data = body === undefined ? undefined : isRaw ? body : JSON.stringify(body)
    const bearer = options.token === undefined ? token : options.token
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${cluster.server}${path}`,
        {
          method,
          agent,
          signal,
          headers: {
            accept: 'application/json',
            ...(data === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
            ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
            ...options.headers,
          },
        },
        resolve,
      )
      outgoing.once('error', reject)
      if (!signal) outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`${method} ${path}: no answer in ${timeoutMs} ms`)))
      outgoing.end(data)
    })
  }

  return {
    url: cluster.server,
    ca,
    token,
    async ask(method, path, options = {}) {
      const response = await send(method, path, options)
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk as string
      return { status: response.statusCode ?? 0, headers: response.headers, text, json: <T>() => JSON.parse(text) as T }
    },
    async lines(path, onLine, signal) {
      const response = await send('GET', path, {}, signal)
      if (response.statusCode !== 200) {
        response.destroy()
        throw new Error(`GET ${path}: ${response.statusCode}`)
      }
      let rest = ''
      for await (const chunk of response.setEncoding('utf8')) {
        const parts = (rest + (chunk as string)).split('\n')
        rest = parts.pop() ?? ''
        for (const line of parts) onLine(line)
      }
    },
    close: () => agent.destroy(),
  }
}
