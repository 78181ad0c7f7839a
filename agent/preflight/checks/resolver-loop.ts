import { isLoopback, parseAddress } from '#shared/net/address.ts'
import { podResolvers } from '../resolvers.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

export const resolverLoop: Check = {
  id: 'ResolverLoop',
  group: 'dns',
  severity: 'error',
  expected: 'no resolver on loopback, which in a pod would be the pod itself',
  source: 'CoreDNS loop plugin, troubleshooting loops in Kubernetes clusters',
  async run(context) {
    const conf = await podResolvers(context)
    if (conf === undefined) return unknown('there is no /etc/resolv.conf', 'Create it.')
    const looping = conf.nameservers.filter((server) => {
      const address = parseAddress(server)
      return address !== undefined && isLoopback(address)
    })
    if (looping.length === 0) return pass(conf.nameservers.join(', ') || 'no servers')
    return fail(
      looping.join(', '),
      'Name the real servers in a file and set the kubelet’s resolvConf to it, or take the local resolver out of /etc/resolv.conf.',
    )
  },
}
