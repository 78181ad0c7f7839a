import { readLine } from '#agent/facts/sources/system.ts'
import { parseCidr } from '#shared/net/cidr.ts'
import { type Check, fail, pass, skipped, type Target } from '../types.ts'
import { rulesOf } from '../versions.ts'

/** A sysctl of the network that has to be 1; kubeadm names the check after the file. */
function sysctlOne(
  path: string,
  options: { absent: string; appliesTo?: (target: Target) => boolean } & Pick<Check, 'severityByMinor'>,
): Check {
  const key = path.replace('/proc/sys/', '').replaceAll('/', '.')
  return {
    id: `FileContent-${path.replaceAll('/', '-')}`,
    group: 'kubeadm',
    severity: 'error',
    severityByMinor: options.severityByMinor,
    expected: `${key} = 1`,
    source: 'kubeadm FileContentCheck',
    async run({ host, target }) {
      if (options.appliesTo && !options.appliesTo(target)) return skipped('no CIDR or address of this family is given')
      const value = await readLine(host, path)
      if (value === undefined) return fail(`${path} does not exist`, options.absent)
      if (value.startsWith('1')) return pass(value)
      return fail(
        `${key} = ${value}`,
        `\`sysctl -w ${key}=1\`, and \`echo '${key} = 1' > /etc/sysctl.d/90-kubernetes-${key.split('.').at(-1)}.conf\` to keep it.`,
      )
    },
  }
}

/** kubeadm asks for the families of the CIDRs and of the advertised address; with neither it is IPv4. */
function hasFamily(target: Target, family: 4 | 6): boolean {
  const families = [...target.clusterCIDRs, ...target.serviceCIDRs].map((text) => parseCidr(text)?.family)
  const { advertiseAddress } = target.input
  if (advertiseAddress !== undefined) families.push(advertiseAddress.includes(':') ? 6 : 4)
  return families.length === 0 ? family === 4 : families.includes(family)
}

const bridge = {
  absent: 'Load the module: `modprobe br_netfilter`, and `echo br_netfilter > /etc/modules-load.d/br_netfilter.conf` to keep it.',
  severityByMinor: (minor: number) => (rulesOf(minor).hasBridgeNetfilter ? ('error' as const) : undefined),
}

export const ipv4Forwarding = sysctlOne('/proc/sys/net/ipv4/ip_forward', {
  absent: 'The kernel has no IPv4.',
  appliesTo: (target) => hasFamily(target, 4),
})
export const ipv6Forwarding = sysctlOne('/proc/sys/net/ipv6/conf/default/forwarding', {
  absent: 'The kernel has IPv6 switched off: remove ipv6.disable=1 from its command line.',
  appliesTo: (target) => hasFamily(target, 6),
})
export const bridgeIptables = sysctlOne('/proc/sys/net/bridge/bridge-nf-call-iptables', {
  ...bridge,
  appliesTo: (target) => hasFamily(target, 4),
})
export const bridgeIp6tables = sysctlOne('/proc/sys/net/bridge/bridge-nf-call-ip6tables', {
  ...bridge,
  appliesTo: (target) => hasFamily(target, 6),
})
