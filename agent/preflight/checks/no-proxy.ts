import { computeNoProxy, hideCredentials, isExempt, proxyVariables } from '#shared/net/proxy.ts'
import { addressAt, parseCidr } from '#shared/net/cidr.ts'
import { formatAddress } from '#shared/net/address.ts'
import { type Check, fail, pass } from '../types.ts'

export const noProxy: Check = {
  id: 'NoProxy',
  group: 'network',
  severity: 'warning',
  expected: 'where a proxy is set, NO_PROXY exempts this machine, the cluster’s networks and .svc, .cluster.local',
  source: 'kubeadm passes the proxy variables on to the static pods',
  async run({ host, machine, target }) {
    const variables = proxyVariables(host.environment())
    const proxies = [...new Set([variables.httpProxy, variables.httpsProxy].filter((url) => url !== undefined))].map(hideCredentials)
    if (proxies.length === 0) return pass('no proxy is set')
    const name = (await machine.hostname()) ?? ''
    const addresses = (await machine.addresses()).filter(({ isInternal }) => !isInternal).map(({ address }) => address)
    const cidrs = [...target.clusterCIDRs, ...target.serviceCIDRs, ...target.joinCIDRs]
    const computed = computeNoProxy({ addresses, hostname: name, cidrs })
    const needed = [name, ...addresses, ...cidrs.map(firstOf), 'kubernetes.default.svc', 'any.svc.cluster.local'].filter(Boolean)
    const missing = needed.filter((entry) => !isExempt(entry, variables.noProxy))
    const observed = `proxy ${proxies.join(', ')}; NO_PROXY=${variables.noProxy ?? ''}`
    if (missing.length === 0) return pass(observed)
    return fail(`${observed}; not exempt: ${missing.join(', ')}`, `Set NO_PROXY=${computed}`)
  },
}

function firstOf(text: string): string {
  const cidr = parseCidr(text)
  const address = cidr && addressAt(cidr, 1n)
  return address ? formatAddress(address) : ''
}
