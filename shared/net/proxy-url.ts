// A proxy on the way out, and how it is written.

export interface Proxy {
  kind: 'socks5' | 'http'
  host: string
  port: number
  username?: string
  password?: string
}

const defaultPorts = { socks5: 1080, http: 8080 } as const

/**
 * `socks5://`, `socks5h://` (the same here: the proxy always resolves the name of the target) or `http://` with optional
 * percent-encoded `user:password@`. A text says what is wrong; it never quotes the value, which may hold a password.
 */
export function parseProxyUrl(text: string): Proxy | string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kind = url?.protocol === 'http:' ? 'http' : url?.protocol === 'socks5:' || url?.protocol === 'socks5h:' ? 'socks5' : undefined
  if (!url || !kind) return 'must be socks5://[user:password@]host:port or http://[user:password@]host:port'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === '') return "the proxy's host is missing"
  if ((url.pathname !== '' && url.pathname !== '/') || url.search || url.hash) return 'nothing may follow the port'
  // URL drops a port that is the scheme's default, so http://proxy:80 arrives here without one.
  const port = url.port !== '' ? Number(url.port) : kind === 'http' && /:80\/?$/.test(text) ? 80 : defaultPorts[kind]
  const username = decode(url.username)
  const password = decode(url.password)
  if (username === undefined || password === undefined) return 'user name or password is not percent-encoded correctly'
  const proxy: Proxy = { kind, host, port, ...(username === '' ? {} : { username, password }) }
  return proxyCredentialsProblem(proxy) ?? proxy
}

/** What a proxy of its kind cannot be told. */
export function proxyCredentialsProblem({ kind, username = '', password = '' }: Proxy): string | undefined {
  if (kind === 'socks5' && (Buffer.byteLength(username) > 255 || Buffer.byteLength(password) > 255))
    return 'SOCKS5 allows 255 bytes for user name and password (RFC 1929)'
  if (kind === 'http' && username.includes(':')) return 'the user name may not hold a colon (RFC 7617)'
  return undefined
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    // Not percent-encoding; the caller says so.
    return undefined
  }
}
