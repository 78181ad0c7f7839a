// Proxy variables: what goes through a proxy, and the NO_PROXY a node of a cluster needs.
import { type Address, formatAddress, isLoopback, parseAddress } from './address.ts'
import { contains, parseCidr } from './cidr.ts'

export interface ProxyVariables {
  httpProxy?: string
  httpsProxy?: string
  noProxy?: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Upper and lower case are read, upper case first, as Go's net/http does. */
export function proxyVariables(environment: Environment): ProxyVariables {
  const read = (name: string) => environment[name] || environment[name.toLowerCase()] || undefined
  return { httpProxy: read('HTTP_PROXY'), httpsProxy: read('HTTPS_PROXY'), noProxy: read('NO_PROXY') }
}

/** A proxy URL without its user name and password: it goes into rows and logs. */
export function hideCredentials(url: string): string {
  return url.replace(/^([a-z0-9+.-]+:\/\/)?[^@/]*@/i, '$1***@')
}

/**
 * Whether NO_PROXY exempts the host (Go's golang.org/x/net/http/httpproxy: `*`, addresses, CIDRs, domain suffixes; loopback and
 * localhost never use a proxy).
 */
export function isExempt(host: string, noProxy: string | undefined): boolean {
  const address = parseAddress(host)
  if (host === 'localhost' || (address && isLoopback(address))) return true
  return (noProxy ?? '')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter(Boolean)
    .some((entry) => matchesEntry(host.toLowerCase(), address, entry))
}

/** What NO_PROXY has to name on a node: the machine itself, the cluster's networks and its DNS names. Sorted as given, no duplicates. */
export function computeNoProxy(input: { addresses: readonly string[]; hostname: string; cidrs: readonly string[] }): string {
  const entries = ['localhost', '127.0.0.1', '::1', input.hostname, ...input.addresses, ...input.cidrs, '.svc', '.cluster.local']
  return [...new Set(entries.filter(Boolean))].join(',')
}

function matchesEntry(host: string, address: Address | undefined, entry: string): boolean {
  if (entry === '*') return true
  const cidr = parseCidr(entry)
  if (cidr) return address !== undefined && contains(cidr, address)
  if (address) return formatAddress(address) === entry || host === entry
  const name = entry.replace(/^\*?\./, '').replace(/:\d+$/, '')
  return entry.startsWith('.') || entry.startsWith('*.') ? host.endsWith(`.${name}`) : host === name || host.endsWith(`.${name}`)
}
