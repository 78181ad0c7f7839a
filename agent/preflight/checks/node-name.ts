import { type Check, fail, pass, unknown } from '../types.ts'

/** Kubernetes allows 253; resource names derived from the node's (leases, certificates, kube-ovn) leave 36. */
const maxLength = 36
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

export const nodeName: Check = {
  id: 'NodeName',
  group: 'identity',
  severity: 'error',
  expected: `host name of lower-case letters, digits, dashes and dots (RFC 1123), at most ${maxLength} characters, not localhost`,
  source: 'RFC 1123 section 2.1; Kubernetes node names',
  async run({ machine }) {
    const name = await machine.hostname()
    if (!name) return unknown('/proc/sys/kernel/hostname cannot be read', 'Look at `hostname`.')
    const fix = '`hostnamectl set-hostname NAME` before the machine joins; a node cannot be renamed.'
    if (name.length > maxLength) return fail(`${name} has ${name.length} characters`, fix)
    if (/^localhost(\.|$)/.test(name)) return fail(`${name} is the name of every machine`, fix)
    if (!name.split('.').every((part) => part.length <= 63 && label.test(part))) return fail(`${name} is not a name of RFC 1123`, fix)
    return pass(name)
  },
}
