import { type Check, fail, pass, unknown } from '../types.ts'

export const macAddresses: Check = {
  id: 'MacAddresses',
  group: 'identity',
  severity: 'error',
  expected: 'at least one network card with a MAC address, no two cards with the same (bond members aside)',
  source: 'kubeadm install requirements: unique MAC address for every node',
  async run({ machine, host }) {
    const nics = await machine.nics()
    if (nics === undefined) return unknown('/sys/class/net cannot be read', 'Look at `ip link`.')
    const cards = nics.filter(({ mac, isPhysical }) => isPhysical && mac !== '' && mac !== '00:00:00:00:00:00')
    if (cards.length === 0) {
      const others = nics.filter(({ name, mac }) => name !== 'lo' && mac !== '' && mac !== '00:00:00:00:00:00')
      return others.length > 0
        ? pass(others.map(({ name, mac }) => `${name} ${mac}`).join(', '))
        : fail('no interface but loopback has a MAC address', 'Give the machine a network card.')
    }
    const shared = []
    for (const card of cards) {
      const isMember = (await host.readLink(`/sys/class/net/${card.name}/master`)) !== undefined
      if (!isMember && cards.some((other) => other !== card && other.mac === card.mac)) shared.push(`${card.name} ${card.mac}`)
    }
    return shared.length > 0
      ? fail(
          `the same MAC address twice: ${shared.join(', ')}`,
          'Give each card its own address in the hypervisor or with `ip link set NAME address`.',
        )
      : pass(cards.map(({ name, mac }) => `${name} ${mac}`).join(', '))
  },
}
