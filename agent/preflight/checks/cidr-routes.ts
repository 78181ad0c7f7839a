import { overlaps, parseCidr } from '#shared/net/cidr.ts'
import { namedCidrs } from '../cidrs.ts'
import { type Check, fail, pass, skipped, unknown } from '../types.ts'

export const cidrRoutes: Check = {
  id: 'CIDRRoutes',
  group: 'network',
  severity: 'error',
  expected: 'no route of this machine (default routes aside) leads into the cluster’s networks',
  source: 'traffic for such a destination would end in the cluster, or the cluster’s outside of it',
  async run({ machine, target }) {
    const cidrs = namedCidrs(target)
    if (cidrs.length === 0) return skipped('no CIDR is given')
    const routes = await machine.routes()
    if (routes === undefined) return unknown('/proc/net/route cannot be read', 'Look at `ip route` and `ip -6 route`.')
    const clashes = routes
      .filter(({ isDefault }) => !isDefault)
      .flatMap((route) => {
        const destination = parseCidr(route.destination)
        return cidrs
          .filter(({ cidr }) => destination && overlaps(cidr, destination))
          .map(({ label }) => `${label} and route ${route.destination} on ${route.interface}`)
      })
    if (clashes.length > 0)
      return fail(
        clashes.join('; '),
        'Choose another CIDR; when the route belongs to a former cluster, remove it: `ip route del DESTINATION`.',
      )
    return pass(`${routes.length} routes, none inside`)
  },
}
