import { type Check, fail, pass } from '../types.ts'

/** Three lines of heading, then services and their backends. */
const headingLines = 3

export const leftoverIpvs: Check = {
  id: 'Leftover-ipvs',
  group: 'leftovers',
  severity: 'warning',
  expected: 'no virtual services in the kernel',
  source: 'kubeadm reset leaves IPVS tables behind and says so',
  async run({ host }) {
    const text = await host.readText('/proc/net/ip_vs')
    if (text === undefined) return pass('IPVS is not loaded')
    const services = text
      .split('\n')
      .slice(headingLines)
      .filter((line) => /^(TCP|UDP|SCTP|FWM)/.test(line))
    return services.length > 0 ? fail(`${services.length} services`, '`ipvsadm --clear`') : pass('none')
  },
}
