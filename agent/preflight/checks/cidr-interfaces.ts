import { overlaps, parseCidr } from '#shared/net/cidr.ts'
import { namedCidrs } from '../cidrs.ts'
import { type Check, fail, pass, skipped } from '../types.ts'

export const cidrInterfaces: Check = {
  id: 'CIDRInterfaces',
  group: 'network',
  severity: 'error',
  expected: 'no interface of this machine lies in the cluster’s networks',
  source: 'a machine inside a cluster network cannot be told from a pod',
  async run({ machine, target }) {
    const cidrs = namedCidrs(target)
    if (cidrs.length === 0) return skipped('no CIDR is given')
    const addresses = await machine.addresses()
    const clashes = addresses.flatMap((address) => {
      const network = parseCidr(address.cidr)
      return cidrs
        .filter(({ cidr }) => network && overlaps(cidr, network))
        .map(({ label }) => `${label} and ${address.cidr} on ${address.interface}`)
    })
    if (clashes.length > 0)
      return fail(
        clashes.join('; '),
        'Choose another CIDR; when the interface belongs to a former cluster, remove it: `ip link delete NAME`.',
      )
    return pass(`${addresses.length} addresses, none inside`)
  },
}
