// Routes of the main tables from /proc/net/route and /proc/net/ipv6_route.
import type { Host } from '#agent/host/types.ts'
import { formatAddress } from '#shared/net/address.ts'
import { cidrOf, formatCidr } from '#shared/net/cidr.ts'

export interface Route {
  family: 4 | 6
  /** CIDR notation; 0.0.0.0/0 and ::/0 are default routes. */
  destination: string
  /** Absent for networks that are directly connected. */
  gateway?: string
  interface: string
  isDefault: boolean
}

const rtfUp = 0x1
const rtfGateway = 0x2
const rtfReject = 0x200
/** The machine's own and anycast addresses (ipv6_route(7)), which are no way to anywhere. */
const rtfOwn = 0x80000000 + 0x100000

/** undefined when the kernel shows no routes at all (no /proc/net/route): then nothing is known, rather than no routes. */
export async function readRoutes(host: Host): Promise<Route[] | undefined> {
  const [ipv4, ipv6] = await Promise.all([host.readText('/proc/net/route'), host.readText('/proc/net/ipv6_route')])
  if (ipv4 === undefined) return undefined
  return [...parseIpv4Routes(ipv4), ...parseIpv6Routes(ipv6 ?? '')]
}

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask …; addresses in hexadecimal, little-endian. */
export function parseIpv4Routes(text: string): Route[] {
  const routes: Route[] = []
  for (const line of text.split('\n').slice(1)) {
    const [name, destination = '', gateway = '', flagsHex = '0', , , , mask = ''] = line.trim().split(/\s+/)
    const flags = Number.parseInt(flagsHex, 16)
    if (!name || !(flags & rtfUp) || flags & rtfReject) continue
    const prefix = littleEndian(mask).toString(2).replaceAll('0', '').length
    routes.push({
      family: 4,
      destination: formatCidr(cidrOf({ family: 4, value: littleEndian(destination) }, prefix)),
      ...(flags & rtfGateway ? { gateway: formatAddress({ family: 4, value: littleEndian(gateway) }) } : {}),
      interface: name,
      isDefault: prefix === 0,
    })
  }
  return routes
}

/** Columns: destination prefix source prefix next-hop metric refcount use flags interface; addresses in hexadecimal, network order. */
export function parseIpv6Routes(text: string): Route[] {
  const routes: Route[] = []
  for (const line of text.split('\n')) {
    const [destination = '', prefixHex = '', , , gateway = '', , , , flagsHex = '0', name] = line.trim().split(/\s+/)
    const flags = Number.parseInt(flagsHex, 16)
    // Local addresses and rejecting routes sit on lo; multicast (ff00::/8) is on every interface.
    if (!name || name === 'lo' || !(flags & rtfUp) || flags & (rtfReject | rtfOwn) || destination.startsWith('ff')) continue
    const prefix = Number.parseInt(prefixHex, 16)
    routes.push({
      family: 6,
      destination: formatCidr(cidrOf({ family: 6, value: BigInt(`0x${destination}`) }, prefix)),
      ...(flags & rtfGateway ? { gateway: formatAddress({ family: 6, value: BigInt(`0x${gateway}`) }) } : {}),
      interface: name,
      isDefault: prefix === 0,
    })
  }
  return routes
}

function littleEndian(hex: string): bigint {
  return BigInt(`0x${(hex.match(/../g) ?? ['00']).reverse().join('')}`)
}
