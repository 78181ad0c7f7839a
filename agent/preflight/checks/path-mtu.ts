import { type Check, fail, pass, type Target, unknown } from '../types.ts'

/** Bytes that the plugin's default encapsulation puts around a packet: VXLAN 50 (IPv4) or 70 (IPv6 outside), Geneve as kube-ovn reserves it. */
const overheadBytes: Readonly<Record<NonNullable<Target['plugin']>, number>> = { flannel: 50, calico: 50, 'kube-ovn': 100, custom: 50 }
/** RFC 8200 section 5: the smallest MTU that IPv6 allows, and a sane floor for IPv4 too. */
const minPodMtu = 1280

export const pathMtu: Check = {
  id: 'PathMTU',
  group: 'network',
  severity: 'error',
  expected: `the interface of the default route leaves pods an MTU of at least ${minPodMtu} after the plugin’s encapsulation`,
  source: 'RFC 8200 section 5; RFC 7348 (VXLAN), RFC 8926 (Geneve)',
  async run({ machine, target }) {
    const [routes, nics] = await Promise.all([machine.routes(), machine.nics()])
    const names = new Set(routes?.filter(({ isDefault }) => isDefault).map((route) => route.interface))
    const used = nics?.filter(({ name }) => names.has(name)) ?? []
    if (used.length === 0) return unknown('there is no default route whose interface tells an MTU', 'Look at `ip link`.')
    const overhead = overheadBytes[target.plugin ?? 'custom']
    const narrowest = used.reduce((least, nic) => (nic.mtu < least.mtu ? nic : least))
    const podMtu = narrowest.mtu - overhead
    const observed = `${narrowest.name} has ${narrowest.mtu}, so pods get ${podMtu} (${overhead} bytes of encapsulation)`
    if (podMtu < minPodMtu)
      return fail(observed, `Raise the MTU of ${narrowest.name} to at least ${minPodMtu + overhead} on the whole path.`)
    const others = nics?.filter(({ isPhysical, isUp, mtu }) => isPhysical && isUp && mtu < narrowest.mtu) ?? []
    if (others.length > 0)
      return fail(
        `${observed}; but ${others.map(({ name, mtu }) => `${name} has ${mtu}`).join(', ')}`,
        `Set the plugin’s MTU to ${Math.min(...others.map(({ mtu }) => mtu)) - overhead} if nodes talk over that interface.`,
        'warning',
      )
    return pass(observed)
  },
}
