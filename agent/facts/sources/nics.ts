// Network interfaces: attributes from /sys/class/net, addresses from the platform.
import { networkInterfaces } from 'node:os'
import type { Host } from '#agent/host/types.ts'
import { readLine } from './system.ts'

export interface InterfaceAddress {
  interface: string
  address: string
  family: 4 | 6
  /** CIDR notation. */
  cidr: string
  mac: string
  isInternal: boolean
}
export interface Nic {
  name: string
  mac: string
  mtu: number
  isUp: boolean
  speedMbps?: number
  /** Has hardware (or a hypervisor's) behind it: bridges, tunnels and veths have none. */
  isPhysical: boolean
  /** CIDR notation. */
  addresses: string[]
}

export function platformAddresses(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, cidr, family, mac, internal }) => ({
      interface: name,
      address,
      family: family === 'IPv4' ? 4 : 6,
      cidr: cidr ?? address,
      mac,
      isInternal: internal,
    })),
  )
}

export async function readNics(host: Host, addresses: readonly InterfaceAddress[]): Promise<Nic[] | undefined> {
  const names = await host.list('/sys/class/net')
  if (names === undefined) return undefined
  const nics = await Promise.all(names.map((name) => readNic(host, name, addresses)))
  return nics.filter((nic) => nic !== undefined)
}

async function readNic(host: Host, name: string, addresses: readonly InterfaceAddress[]): Promise<Nic | undefined> {
  const directory = `/sys/class/net/${name}`
  const mtu = Number(await readAttribute(host, `${directory}/mtu`))
  // bonding_masters is a file in that directory, not an interface.
  if (!Number.isInteger(mtu) || mtu === 0) return undefined
  const [mac = '', flags = '0x0', speedText] = await Promise.all(
    ['address', 'flags', 'speed'].map((key) => readAttribute(host, `${directory}/${key}`)),
  )
  const speed = Number(speedText)
  return {
    name,
    mac,
    mtu,
    isUp: (Number(flags) & 1) === 1,
    ...(speed > 0 ? { speedMbps: speed } : {}),
    isPhysical: (await host.readLink(`${directory}/device`)) !== undefined,
    addresses: addresses.filter((address) => address.interface === name).map(({ cidr }) => cidr),
  }
}

/** Some attributes (speed of a link that is down) fail with EINVAL; they are as unknown as absent ones. */
async function readAttribute(host: Host, path: string): Promise<string | undefined> {
  try {
    return await readLine(host, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EINVAL' || code === 'EOPNOTSUPP' || code === 'EACCES') return undefined
    throw error
  }
}
