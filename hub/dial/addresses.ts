// Which addresses the hub dials for its users, and which never (F-38): what is only there for the hub's own host, a cloud's metadata
// service above all, hands out credentials to whoever asks.
import { type Address, isLinkLocal, isMulticast, isUnspecified, parseAddress } from '#shared/net/address.ts'
import { contains, parseCidr } from '#shared/net/cidr.ts'

/** Metadata services outside the link-local ranges: AWS and Google over IPv6, Alibaba, Azure, Oracle. */
const metadata = ['fd00:ec2::254/128', 'fd20:ce::254/128', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'].map((text) => {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`${text} is no network`)
  return cidr
})

/** IPv4 inside IPv6: mapped (RFC 4291 2.5.5.2), compatible (2.5.5.1), NAT64 (RFC 6052), 6to4 (RFC 3056). */
const embedding: readonly { prefix: bigint; shift: bigint; at: bigint }[] = [
  { prefix: 0xffffn, shift: 32n, at: 0n },
  { prefix: 0n, shift: 32n, at: 0n },
  { prefix: 0x64ff9bn << 64n, shift: 32n, at: 0n },
  { prefix: 0x2002n, shift: 112n, at: 80n },
]

/** @param text an IP address */
export function isForbiddenAddress(text: string): boolean {
  const address = parseAddress(text)
  return address === undefined || allOf(address).some(isForbidden)
}

/** The address itself, and the IPv4 address that it leads to. */
function allOf(address: Address): Address[] {
  if (address.family === 4) return [address]
  const inside = embedding
    .filter(({ prefix, shift }) => address.value >> shift === prefix)
    .map(({ at }): Address => ({ family: 4, value: (address.value >> at) & 0xffffffffn }))
  // ::1 and :: are not compatible addresses.
  return address.value < 0x10000n ? [address] : [address, ...inside]
}

function isForbidden(address: Address): boolean {
  return isLinkLocal(address) || isMulticast(address) || isUnspecified(address) || metadata.some((cidr) => contains(cidr, address))
}

/**
 * The address that a text stands for in any spelling a resolver takes (0xa9fea9fe, 2852039166, 169.254.43518, [::1]); undefined for a
 * name. WHATWG URL knows them all.
 */
export function addressIn(host: string): string | undefined {
  const bare = host.replace(/^\[|\]$/g, '')
  if (parseAddress(bare)) return bare.split('%')[0]
  const url = `http://${host}/`
  const hostname = URL.canParse(url) ? new URL(url).hostname : ''
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined
}
