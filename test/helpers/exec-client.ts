// A client of …/machines/NAME/exec as kubectl's is: channels in a WebSocket, everything that comes kept by its channel.
import { WebSocket } from 'ws'
import { until } from './until.ts'

export interface ExecOptions {
  url: string
  ca: string
  machine: string
  token?: string
  headers?: Record<string, string>
  command?: readonly string[]
  tty?: boolean
  /** Default true. */
  stdin?: boolean
  protocol?: string
  query?: Record<string, string>
}

export interface ExecStatus {
  status: string
  message?: string
  reason?: string
  code?: number
  details?: { causes?: { reason: string; message: string }[] }
}

export interface ExecClient {
  socket: WebSocket
  output(channel?: number): string
  bytes(channel?: number): Buffer
  /** How many bytes came, forgotten ones included. */
  count(channel?: number): number
  forget(channel?: number): void
  send(data: string | Buffer): void
  message(channel: number, data?: string | Buffer): void
  /** Waits until the output has this, and returns all of it. */
  has(text: string | RegExp, timeoutMs?: number): Promise<string>
  /** Of the error channel, when the socket is closed. */
  ended: Promise<{ code: number; reason: string; status?: ExecStatus }>
}

export class ExecRefused extends Error {
  readonly status: number
  readonly body: string
  constructor(status: number, body: string) {
    super(`${status} ${body}`)
    this.status = status
    this.body = body
  }
}

export function execPath({ machine, command = [], tty = false, stdin = true, query = {} }: ExecOptions): string {
  const search = new URLSearchParams(command.map((part) => ['command', part]))
  search.set('stdout', 'true')
  if (stdin) search.set('stdin', 'true')
  if (tty) search.set('tty', 'true')
  else search.set('stderr', 'true')
  for (const [name, value] of Object.entries(query)) search.set(name, value)
  return `/apis/moorline.dev/v1alpha1/machines/${machine}/exec?${search}`
}

/** Rejects with ExecRefused when the upgrade was answered otherwise. */
export function openExec(options: ExecOptions): Promise<ExecClient> {
  const { url, ca, token, headers = {}, protocol = 'v5.channel.k8s.io' } = options
  const kept = new Map<number, Buffer[]>()
  const counts = new Map<number, number>()
  const socket = new WebSocket(`${url.replace('https', 'wss')}${execPath(options)}`, protocol ? [protocol] : [], {
    ...{ ca, perMessageDeflate: false },
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
  })
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? -1
    counts.set(channel, (counts.get(channel) ?? 0) + data.length - 1)
    const list = kept.get(channel)
    if (list) list.push(data.subarray(1))
    else kept.set(channel, [data.subarray(1)])
  })
  const bytes = (channel = 1) => {
    const all = Buffer.concat(kept.get(channel) ?? [])
    kept.set(channel, [all])
    return all
  }
  const output = (channel = 1) => bytes(channel).toString()
  const message = (channel: number, data: string | Buffer = '') =>
    socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data as string)]))
  const ended = new Promise<{ code: number; reason: string; status?: ExecStatus }>((resolve) =>
    socket.on('close', (code, reason) =>
      resolve({ code, reason: reason.toString(), ...(kept.has(3) && { status: JSON.parse(output(3)) as ExecStatus }) }),
    ),
  )
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk) => (body += String(chunk)))
      response.on('end', () => reject(new ExecRefused(response.statusCode ?? 0, body)))
    })
    socket.on('error', reject)
    socket.on('open', () =>
      resolve({
        ...{ socket, output, bytes, message, ended },
        count: (channel = 1) => counts.get(channel) ?? 0,
        forget: (channel = 1) => void kept.delete(channel),
        send: (data) => message(0, data),
        has: (text, timeoutMs = 10_000) =>
          until(
            `output with ${text}`,
            () => {
              const all = output()
              return (typeof text === 'string' ? all.includes(text) : text.test(all)) ? all : undefined
            },
            { timeoutMs, intervalMs: 5 },
          ),
      }),
    )
  })
}
