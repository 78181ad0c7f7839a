import { hideCredentials, isExempt, proxyVariables } from '#shared/net/proxy.ts'
import { type Check, fail, pass } from '../types.ts'

export const httpProxy: Check = {
  id: 'HTTPProxy',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'the API server’s address is reached without a proxy',
  source: 'kubeadm HTTPProxyCheck',
  async run({ host, target, machine }) {
    const { httpsProxy, noProxy } = proxyVariables(host.environment())
    if (httpsProxy === undefined) return pass('no HTTPS_PROXY is set')
    const own = (await machine.addresses()).filter(({ isInternal }) => !isInternal).map(({ address }) => address)
    const asked = target.input.advertiseAddress === undefined ? own : [target.input.advertiseAddress]
    const proxied = asked.filter((address) => !isExempt(address, noProxy))
    if (proxied.length === 0) return pass(`NO_PROXY exempts ${asked.join(', ')}`)
    return fail(`${proxied.join(', ')} would go through ${hideCredentials(httpsProxy)}`, `Add ${proxied.join(',')} to NO_PROXY.`)
  },
}
