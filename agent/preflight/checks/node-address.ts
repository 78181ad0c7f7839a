import { formatAddress, isLinkLocal, isLoopback, isMulticast, isUnspecified, parseAddress } from '#shared/net/address.ts'
import { type Check, fail, pass } from '../types.ts'

/** A node announces one address for its whole life: it has to be its own and one that others can reach. */
export const nodeAddress: Check = {
  id: 'NodeAddress',
  group: 'identity',
  severity: 'error',
  expected: 'the node’s address is on an interface and neither loopback, link-local, multicast nor unspecified',
  source: 'kubelet validateNodeIP',
  async run({ machine, target }) {
    const own = await machine.addresses()
    const usable = own.filter(({ address }) => whyUnusable(address) === undefined)
    const given = target.input.advertiseAddress
    if (given === undefined) {
      if (usable.length === 0)
        return fail(
          `no usable address: ${own.map(({ address }) => address).join(', ') || 'none at all'}`,
          'Give an interface an address that the other machines reach.',
        )
      const chosen = usable[0]
      return pass(`${chosen?.address} on ${chosen?.interface}`)
    }
    const reason = whyUnusable(given)
    if (reason) return fail(`${given} is ${reason}`, 'Name an address of this machine that the other machines reach.')
    const parsed = parseAddress(given)
    const holder = own.find(({ address }) => parsed && normalize(address) === formatAddress(parsed))
    return holder
      ? pass(`${given} on ${holder.interface}`)
      : fail(
          `${given} is on no interface (there are ${usable.map(({ address }) => address).join(', ')})`,
          'Name an address that the machine has, or add it to an interface.',
        )
  },
}

function whyUnusable(text: string): string | undefined {
  const address = parseAddress(text)
  if (!address) return 'no IP address'
  if (isUnspecified(address)) return 'unspecified'
  if (isLoopback(address)) return 'loopback'
  if (isLinkLocal(address)) return 'link-local'
  return isMulticast(address) ? 'multicast' : undefined
}

function normalize(text: string): string {
  const address = parseAddress(text)
  return address ? formatAddress(address) : text
}
