import { type Check, fail, pass, unknown } from '../types.ts'

/** IsQualifiedName of apimachinery: what kubeadm holds against the node name. */
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const maxLength = 63

export const hostname: Check = {
  id: 'Hostname',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'a qualified name that resolves',
  source: 'kubeadm HostnameCheck',
  async run({ machine, probes }) {
    const name = await machine.hostname()
    if (!name) return unknown('/proc/sys/kernel/hostname cannot be read', 'Look at `hostname`.')
    if (name.length > maxLength || !qualifiedName.test(name))
      return fail(`${name} is no qualified name`, '`hostnamectl set-hostname NAME` with letters, digits, dots and dashes.')
    const addresses = await probes.lookup(name)
    if (addresses.length === 0) return fail(`${name} does not resolve`, `Add it to DNS, or \`echo "ADDRESS ${name}" >> /etc/hosts\`.`)
    return pass(`${name} resolves to ${addresses.join(', ')}`)
  },
}
