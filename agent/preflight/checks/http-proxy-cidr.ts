import { formatAddress } from '#shared/net/address.ts'
import { addressAt, formatCidr, parseCidr } from '#shared/net/cidr.ts'
import { hideCredentials, isExempt, proxyVariables } from '#shared/net/proxy.ts'
import { type Check, fail, pass, skipped } from '../types.ts'

export const httpProxyCidr: Check = {
  id: 'HTTPProxyCIDR',
  group: 'kubeadm',
  severity: 'warning',
  roles: ['controlPlane'],
  expected: 'the cluster and service CIDRs are reached without a proxy',
  source: 'kubeadm HTTPProxyCIDRCheck (the first address of each)',
  async run({ host, target }) {
    const { httpsProxy, noProxy } = proxyVariables(host.environment())
    const cidrs = [...target.serviceCIDRs, ...target.clusterCIDRs].map(parseCidr).filter((cidr) => cidr !== undefined)
    if (cidrs.length === 0) return skipped('no CIDR is given')
    if (httpsProxy === undefined) return pass('no HTTPS_PROXY is set')
    const proxied = cidrs.filter((cidr) => {
      const first = addressAt(cidr, 1n)
      return first !== undefined && !isExempt(formatAddress(first), noProxy)
    })
    if (proxied.length === 0) return pass('NO_PROXY exempts all of them')
    const names = proxied.map(formatCidr).join(',')
    return fail(`${names} would go through ${hideCredentials(httpsProxy)}`, `Add ${names} to NO_PROXY.`)
  },
}
