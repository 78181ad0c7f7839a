import { type Check, fail, pass } from '../types.ts'
import { rulesOf } from '../versions.ts'

/** Where Debian and Red Hat have the program. */
const packageOf: Readonly<Record<string, string>> = {
  conntrack: 'conntrack (conntrack-tools)',
  cp: 'coreutils',
  crictl: 'cri-tools',
  ebtables: 'ebtables',
  ethtool: 'ethtool',
  ip: 'iproute2 (iproute)',
  iptables: 'iptables',
  losetup: 'util-linux',
  mount: 'mount (util-linux)',
  nsenter: 'util-linux',
  socat: 'socat',
  tc: 'iproute2 (iproute-tc)',
  touch: 'coreutils',
}

/** Whether it is asked for, and how seriously, is a matter of the minor. */
export function fileExisting(program: string): Check {
  return {
    id: `FileExisting-${program}`,
    group: 'kubeadm',
    severity: 'error',
    severityByMinor: (minor) => rulesOf(minor).programs[program],
    expected: `${program} is in PATH`,
    source: 'kubeadm InPathCheck (addExecChecks)',
    async run({ host }) {
      const path = await host.which(program)
      return path ? pass(path) : fail('not found', `Install the package ${packageOf[program] ?? program}.`)
    },
  }
}
