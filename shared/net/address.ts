// IPv4 and IPv6 addresses as BigInt. Pure arithmetic, no I/O.

export type IpFamily = 4 | 6
export interface Address {
  family: IpFamily
  value: bigint
}

/** Number of bits of an address of the family. */
export function addressBits(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128
}

/**
 * Parses the text forms of RFC 4291 section 2.2 and dotted-quad IPv4 (no leading zeros: they are octal to some parsers).
 * A zone (`%eth0`) is dropped. undefined when it is no address.
 */
export function parseAddress(text: string): Address | undefined {
  const zone = text.indexOf('%')
  const bare = zone === -1 ? text : text.slice(0, zone)
  if (bare.includes(':')) {
    const value = parseIpv6(bare)
    return value === undefined ? undefined : { family: 6, value }
  }
  const value = zone === -1 ? parseIpv4(bare) : undefined
  return value === undefined ? undefined : { family: 4, value }
}

export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - index * 16)) & 0xffffn))
  const run = longestZeroRun(groups)
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  // RFC 5952: the longest run of at least two zero groups is shortened, the first one when equal.
  if (run.length < 2) return hex(groups)
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`
}

export function isLoopback({ family, value }: Address): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n
}

export function isLinkLocal({ family, value }: Address): boolean {
  return family === 4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan
}

export function isMulticast({ family, value }: Address): boolean {
  return family === 4 ? value >> 28n === 0xen : value >> 120n === 0xffn
}

export function isUnspecified({ value }: Address): boolean {
  return value === 0n
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)) return undefined
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  if (halves.length === 1) return head.length === 8 ? joinGroups(head) : undefined
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (missing < 1) return undefined
  return joinGroups([...head, ...Array.from({ length: missing }, () => 0n), ...(tail ?? [])])
}

/** The 16-bit groups of one side of `::`; an embedded IPv4 address is allowed at the very end. */
function parseGroups(text: string, isLast: boolean): bigint[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: bigint[] = []
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes('.')) {
      const embedded = parseIpv4(part)
      if (embedded === undefined) return undefined
      groups.push(embedded >> 16n, embedded & 0xffffn)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`))
    else return undefined
  }
  return groups
}

function joinGroups(groups: bigint[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | group, 0n)
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (start + length < groups.length && groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
