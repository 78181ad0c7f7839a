import { parseAddress } from '#shared/net/address.ts'
import { maxNameservers } from '../resolvers.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

const queryTimeoutMs = 2_500
/** Asked when no registry is given; whatever a resolver says about it, it has answered. */
const anyName = 'kubernetes.io'

export const resolversAnswer: Check = {
  id: 'ResolversAnswer',
  group: 'dns',
  severity: 'error',
  expected: `every resolver answers a query within ${queryTimeoutMs / 1000} s`,
  source: 'RFC 1035; image pulls and CoreDNS forwarding need it',
  async run(context) {
    const { machine, probes, target } = context
    const conf = await machine.resolvConf()
    const usable = (conf?.nameservers ?? []).filter((server) => parseAddress(server)).slice(0, maxNameservers)
    if (usable.length === 0) return unknown('there is no resolver to ask', 'Name one in /etc/resolv.conf.')
    const name = hostOf(target.input.registry) ?? anyName
    const answers = await Promise.all(
      usable.map(async (server) => ({ server, ...(await probes.askResolver(server, name, queryTimeoutMs)) })),
    )
    const silent = answers.filter(({ isAnswered }) => !isAnswered)
    const observed = answers.map(({ server, code }) => `${server} ${code}`).join(', ')
    if (silent.length === 0) return pass(`${observed} (asked for ${name})`)
    const remedy = `Open UDP and TCP port 53 to ${silent.map(({ server }) => server).join(', ')}, or take it out of /etc/resolv.conf.`
    return fail(observed, remedy, silent.length === answers.length ? 'error' : 'warning')
  },
}

/** The name of `host[:port]` when it is a name. */
function hostOf(registry: string | undefined): string | undefined {
  const name = registry?.replace(/:\d+$/, '')
  return name !== undefined && !parseAddress(name.replace(/^\[|\]$/g, '')) ? name : undefined
}
