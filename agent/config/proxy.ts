// The proxy between this machine and its hub: how it is written, and when it is not used.
import { AgentError } from '#shared/errors/agent-error.ts'
import { isLoopback, parseAddress } from '#shared/net/address.ts'
import { isExempt } from '#shared/net/proxy.ts'
import { parseProxyUrl, type Proxy } from '#shared/net/proxy-url.ts'

export type { Proxy }

/** `field` is what an error names; the value itself is never shown, it may hold a password. */
export function parseProxy(text: string, field: string): Proxy {
  const proxy = parseProxyUrl(text)
  if (typeof proxy === 'string') throw new AgentError('ConfigInvalid', `${field}: ${proxy}`)
  return proxy
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
