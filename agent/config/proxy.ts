// The proxy between this machine and its hub: how it is written, and when it is not used.
import { AgentError } from '#shared/errors/agent-error.ts'
import { isLoopback, parseAddress } from '#shared/net/address.ts'
import { isExempt } from '#shared/net/proxy.ts'

export interface Proxy {
  kind: 'socks5' | 'http'
  host: string
  port: number
  username?: string
  password?: string
}

const defaultPorts = { socks5: 1080, http: 8080 } as const

/**
 * `socks5://`, `socks5h://` (the same here: the proxy always resolves the hub's name) or `http://` with optional
 * percent-encoded `user:password@`. `field` is what an error names; the value itself is never shown, it may hold a password.
 */
export function parseProxy(text: string, field: string): Proxy {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kind = url?.protocol === 'http:' ? 'http' : url?.protocol === 'socks5:' || url?.protocol === 'socks5h:' ? 'socks5' : undefined
  if (!url || !kind)
    throw new AgentError('ConfigInvalid', `${field}: must be socks5://[user:password@]host:port or http://[user:password@]host:port`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === '') throw new AgentError('ConfigInvalid', `${field}: the proxy's host is missing`)
  if ((url.pathname !== '' && url.pathname !== '/') || url.search || url.hash) {
    throw new AgentError('ConfigInvalid', `${field}: nothing may follow the port`)
  }
  // URL drops a port that is the scheme's default, so http://proxy:80 arrives here without one.
  const port = url.port !== '' ? Number(url.port) : kind === 'http' && /:80\/?$/.test(text) ? 80 : defaultPorts[kind]
  const username = decode(url.username, field)
  const password = decode(url.password, field)
  if (kind === 'socks5' && (Buffer.byteLength(username) > 255 || Buffer.byteLength(password) > 255)) {
    throw new AgentError('ConfigInvalid', `${field}: SOCKS5 allows 255 bytes for user name and password (RFC 1929)`)
  }
  if (kind === 'http' && username.includes(':'))
    throw new AgentError('ConfigInvalid', `${field}: the user name may not hold a colon (RFC 7617)`)
  return { kind, host, port, ...(username === '' ? {} : { username, password }) }
}

function decode(part: string, field: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new AgentError('ConfigInvalid', `${field}: user name or password is not percent-encoded correctly`)
  }
}

/** The proxy as it may be shown: no password. */
export function showProxy(proxy: Proxy | undefined): string {
  if (!proxy) return 'none'
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host
  return `${proxy.kind}://${proxy.username === undefined ? '' : `${encodeURIComponent(proxy.username)}:***@`}${host}:${proxy.port}`
}

/** The proxy for this host, or undefined for a direct connection. Only what the list names goes around an explicit proxy: loopback too. */
export function proxyFor(host: string, proxy: Proxy | undefined, noProxy: string): Proxy | undefined {
  if (!proxy) return undefined
  const address = parseAddress(host)
  if (host === 'localhost' || (address && isLoopback(address)))
    return noProxy.split(',').some((entry) => entry.trim() === host) ? undefined : proxy
  return isExempt(host, noProxy) ? undefined : proxy
}
