import { addressInCidr } from '#shared/net/cidr.ts'
import { podResolvers } from '../resolvers.ts'
import { type Check, fail, pass, skipped, unknown } from '../types.ts'

export const resolverOutsideCluster: Check = {
  id: 'ResolverOutsideCluster',
  group: 'dns',
  severity: 'error',
  expected: 'no resolver lies inside the cluster’s networks',
  source: 'an address inside a cluster network is routed into the cluster',
  async run(context) {
    const { target } = context
    const cidrs = [...target.clusterCIDRs, ...target.serviceCIDRs, ...target.joinCIDRs]
    if (cidrs.length === 0) return skipped('no CIDR is given')
    const conf = await podResolvers(context)
    if (conf === undefined) return unknown('there is no /etc/resolv.conf', 'Create it.')
    const inside = conf.nameservers.flatMap((server) =>
      cidrs.filter((text) => addressInCidr(server, text)).map((text) => `${server} in ${text}`),
    )
    return inside.length === 0
      ? pass(`${conf.nameservers.join(', ')} outside of ${cidrs.join(', ')}`)
      : fail(inside.join(', '), 'Choose another CIDR, or another resolver.')
  },
}
