// CIDR arithmetic on BigInt for both families. Pure; nothing here throws on bad text, it returns undefined.
import { type Address, addressBits, formatAddress, type IpFamily, parseAddress } from './address.ts'

/** A network: `base` has no bits set behind the prefix. */
export interface Cidr {
  family: IpFamily
  base: bigint
  prefix: number
}

/** Parses `address/prefix`; bits behind the prefix are cleared (`hasHostBits` tells whether there were any). undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text)
  const address = match?.[1]?.includes('%') ? undefined : parseAddress(match?.[1] ?? '')
  const prefix = Number(match?.[2])
  if (address === undefined || prefix > addressBits(address.family)) return undefined
  return cidrOf(address, prefix)
}

/** The network of that prefix length which the address is in. */
export function cidrOf(address: Address, prefix: number): Cidr {
  const hostBits = BigInt(addressBits(address.family) - prefix)
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix }
}

/** True when the text is a CIDR whose address is not its network address (10.0.0.1/8). */
export function hasHostBits(text: string): boolean {
  const cidr = parseCidr(text)
  const address = parseAddress(text.split('/')[0] ?? '')
  return cidr !== undefined && address !== undefined && cidr.base !== address.value
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress({ family: cidr.family, value: cidr.base })}/${cidr.prefix}`
}

/** How many addresses are in it. */
export function cidrSize({ family, prefix }: Cidr): bigint {
  return 1n << BigInt(addressBits(family) - prefix)
}

export function lastAddress(cidr: Cidr): Address {
  return { family: cidr.family, value: cidr.base + cidrSize(cidr) - 1n }
}

/** The address `index` places after the network address; undefined when that is outside. */
export function addressAt(cidr: Cidr, index: bigint): Address | undefined {
  return index >= 0n && index < cidrSize(cidr) ? { family: cidr.family, value: cidr.base + index } : undefined
}

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value <= lastAddress(cidr).value
}

export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.prefix <= inner.prefix && contains(outer, { family: inner.family, value: inner.base })
}

/** Two CIDRs overlap exactly when one contains the other. */
export function overlaps(left: Cidr, right: Cidr): boolean {
  return containsCidr(left, right) || containsCidr(right, left)
}

/** The same from text: false when either is not well-formed. An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) counts as IPv4. */
export function addressInCidr(address: string, cidr: string): boolean {
  const parsed = parseAddress(address)
  const network = parseCidr(cidr)
  if (!parsed || !network) return false
  const isMapped = parsed.family === 6 && parsed.value >> 32n === 0xffffn
  return contains(network, isMapped && network.family === 4 ? { family: 4, value: parsed.value & 0xffffffffn } : parsed)
}
