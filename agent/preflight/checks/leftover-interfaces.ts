import { type Check, fail, pass, unknown } from '../types.ts'

const made =
  /^(cni\d|flannel[.-]|vxlan\.calico|vxlan-v6\.calico|cali[0-9a-f]{6,}|tunl0$|kube-ipvs0|kube-bridge|nodelocaldns|cilium_|lxc[0-9a-f]{6,}|ovn0|ovn-|ovs-system|br-int|mirror0|genev_sys_|weave)/

export const leftoverInterfaces: Check = {
  id: 'Leftover-interfaces',
  group: 'leftovers',
  severity: 'warning',
  expected: 'no interfaces of a former network plugin',
  source: 'cni0 with an address of the old cluster keeps new pods from starting',
  async run({ host }) {
    const names = await host.list('/sys/class/net')
    if (names === undefined) return unknown('/sys/class/net cannot be read', 'Look at `ip link`.')
    // tunl0 is there as soon as the ipip module is loaded; only one that is up was used.
    const found = []
    for (const name of names)
      if (made.test(name) && (name !== 'tunl0' || Number((await host.readText('/sys/class/net/tunl0/flags')) ?? 0) & 1)) found.push(name)
    return found.length > 0 ? fail(found.join(', '), found.map((name) => `\`ip link delete ${name}\``).join(' ; ')) : pass('none')
  },
}
