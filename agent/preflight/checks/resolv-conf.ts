import { parseAddress } from '#shared/net/address.ts'
import { maxNameservers, podResolvers } from '../resolvers.ts'
import { type Check, fail, pass } from '../types.ts'

export const resolvConf: Check = {
  id: 'ResolvConf',
  group: 'dns',
  severity: 'error',
  expected: '/etc/resolv.conf names 1 to 3 servers, by address',
  source: 'resolv.conf(5) MAXNS; kubelet resolvConf',
  async run(context) {
    const conf = await podResolvers(context)
    if (conf === undefined) return fail('there is no /etc/resolv.conf', 'Create it with at least one `nameserver ADDRESS`.')
    const { nameservers } = conf
    const malformed = nameservers.filter((server) => !parseAddress(server))
    if (nameservers.length === 0) return fail('it names no server', 'Add `nameserver ADDRESS` to /etc/resolv.conf.')
    if (malformed.length > 0) return fail(`no addresses: ${malformed.join(', ')}`, 'Correct the nameserver lines.')
    if (nameservers.length > maxNameservers)
      return fail(`${nameservers.length} servers: ${nameservers.join(', ')}`, 'Keep three: only the first three are used.', 'warning')
    return pass(nameservers.join(', '))
  },
}
