// One HTTPS request, by hand: what matters is how far it got and what the certificate is, not the body.
import { connect as connectTcp, type Socket } from 'node:net'
import * as tls from 'node:tls'

export interface TlsProbe {
  host: string
  port: number
  path: string
  signal: AbortSignal
  /** `http://[user:password@]host:port` of an HTTP CONNECT proxy. */
  proxy?: string
}
export interface TlsResult {
  /** How far it got: `failed` at `stage` with `error`, otherwise the HTTP status. */
  stage: 'connect' | 'proxy' | 'tls' | 'http' | 'done'
  error?: string
  /** The chain leads to a root that this machine trusts and names the host. */
  isTrusted?: boolean
  trustError?: string
  /** End of the certificate's validity, as OpenSSL writes it. */
  validTo?: string
  status?: number
}

const maxHeadBytes = 16 * 1024

export async function probeTls(probe: TlsProbe): Promise<TlsResult> {
  const result: TlsResult = { stage: 'connect' }
  const sockets: Socket[] = []
  const end = () => {
    for (const socket of sockets) socket.destroy()
  }
  probe.signal.addEventListener('abort', end, { once: true })
  try {
    const proxy = probe.proxy === undefined ? undefined : new URL(probe.proxy.includes('://') ? probe.proxy : `http://${probe.proxy}`)
    const raw = connectTcp(proxy ? { host: bare(proxy.hostname), port: Number(proxy.port || 80) } : { host: probe.host, port: probe.port })
    sockets.push(raw)
    await once(raw, 'connect')
    if (proxy) {
      result.stage = 'proxy'
      const status = await request(raw, connectHead(probe, proxy))
      if (status !== 200) throw new Error(`the proxy answered CONNECT with ${status}`)
    }
    result.stage = 'tls'
    const name = bare(probe.host)
    const secure = tls.connect({
      socket: raw,
      servername: /^[\d.]+$|:/.test(name) ? '' : name,
      host: name,
      rejectUnauthorized: false,
      ca: trustedRoots(),
    })
    sockets.push(secure)
    await once(secure, 'secureConnect')
    // With rejectUnauthorized off the identity is not checked by itself, only the chain.
    const certificate = secure.getPeerCertificate()
    const nameError = tls.checkServerIdentity(name, certificate)
    result.isTrusted = secure.authorized && nameError === undefined
    result.trustError = secure.authorized ? nameError?.message : String(secure.authorizationError)
    result.validTo = certificate.valid_to
    result.stage = 'http'
    result.status = await request(secure, `GET ${probe.path} HTTP/1.1\r\nHost: ${probe.host}:${probe.port}\r\nConnection: close\r\n\r\n`)
    result.stage = 'done'
  } catch (error) {
    result.error = (error as Error).message
  } finally {
    probe.signal.removeEventListener('abort', end)
    end()
  }
  return result
}

/** The container runtime trusts the system's roots, not those that Node carries. */
function trustedRoots(): string[] | undefined {
  if (typeof tls.getCACertificates !== 'function') return undefined
  const system = tls.getCACertificates('system')
  return system.length > 0 ? system : undefined
}

function connectHead({ host, port }: TlsProbe, proxy: URL): string {
  const credentials = proxy.username ? `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}` : undefined
  const authorization = credentials ? `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n` : ''
  return `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${authorization}\r\n`
}

/** Sends a head and reads one: the status of the answer. */
function request(socket: Socket, head: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = ''
    const settle = (run: () => void) => {
      socket.off('data', onData).off('error', onError).off('close', onClose)
      run()
    }
    const onData = (data: Buffer) => {
      received += data.toString('latin1')
      if (!received.includes('\r\n\r\n') && received.length < maxHeadBytes) return
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(received)?.[1]
      settle(() => (status ? resolve(Number(status)) : reject(new Error('the answer is not HTTP'))))
    }
    const onError = (error: Error) => settle(() => reject(error))
    const onClose = () => settle(() => reject(new Error('the connection was closed before an answer')))
    socket.on('data', onData).once('error', onError).once('close', onClose)
    socket.write(head)
  })
}

function once(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
  })
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
