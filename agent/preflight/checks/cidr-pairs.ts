import { overlaps } from '#shared/net/cidr.ts'
import { namedCidrs } from '../cidrs.ts'
import { type Check, fail, pass, skipped } from '../types.ts'

export const cidrPairs: Check = {
  id: 'CIDRPairs',
  group: 'network',
  severity: 'error',
  expected: 'cluster, service and join CIDRs do not overlap each other',
  source: 'kube-apiserver, kube-controller-manager and kube-ovn need networks of their own',
  async run({ target }) {
    const all = namedCidrs(target)
    if (all.length === 0) return skipped('no CIDR is given')
    const clashes = all.flatMap((left, index) =>
      all
        .slice(index + 1)
        .filter((right) => overlaps(left.cidr, right.cidr))
        .map((right) => `${left.label} and ${right.label}`),
    )
    const tooWide = all.find(({ kind, cidr }) => kind === 'service' && cidr.family === 6 && cidr.prefix < 108)
    if (clashes.length > 0) return fail(clashes.join('; '), 'Choose networks that do not overlap.')
    // kube-apiserver: a service range may have at most 20 bits of addresses in IPv6.
    if (tooWide) return fail(`${tooWide.label} is wider than /108`, 'Choose a service CIDR of /108 or longer.')
    return pass(all.map(({ label }) => label).join(', '))
  },
}
