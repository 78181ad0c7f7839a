import { isLoopback, parseAddress } from '#shared/net/address.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

/** kubeadm only wants the name to resolve; a name that resolves to loopback gives the kubelet a wrong address. */
export const hostnameResolves: Check = {
  id: 'HostnameResolves',
  group: 'identity',
  severity: 'warning',
  expected: 'the host name resolves to an address of this machine that is not loopback',
  source: 'kubelet node address detection (--node-ip)',
  async run({ machine, probes }) {
    const name = await machine.hostname()
    if (!name) return unknown('/proc/sys/kernel/hostname cannot be read', 'Look at `hostname`.')
    const found = (await probes.lookup(name)).map((text) => ({ text, address: parseAddress(text) }))
    const own = (await machine.addresses()).map(({ address }) => address)
    if (found.length === 0) return fail(`${name} does not resolve`, `\`echo "ADDRESS ${name}" >> /etc/hosts\` with this machine's address.`)
    const texts = found.map(({ text }) => text).join(', ')
    if (found.some(({ address }) => address && isLoopback(address)))
      return fail(
        `${name} resolves to ${texts}`,
        `Give ${name} this machine's address in /etc/hosts instead of loopback (127.0.1.1 is Debian's default).`,
      )
    if (!found.some(({ text }) => own.includes(text)))
      return fail(`${name} resolves to ${texts}, which is not this machine`, 'Correct the record in DNS or /etc/hosts.')
    return pass(`${name} resolves to ${texts}`)
  },
}
