import { type Check, fail, pass, unknown } from '../types.ts'

export const defaultRoute: Check = {
  id: 'DefaultRoute',
  group: 'identity',
  severity: 'error',
  expected: 'a default route (kubeadm and the kubelet find the machine’s address by it, even where it leads nowhere)',
  source: 'apimachinery net.ChooseHostInterface',
  async run({ machine }) {
    const routes = await machine.routes()
    if (routes === undefined) return unknown('/proc/net/route cannot be read', 'Look at `ip route`.')
    const defaults = routes.filter(({ isDefault }) => isDefault)
    if (defaults.length === 0) return fail('none', '`ip route add default via GATEWAY`, and in the network configuration to keep it.')
    return pass(defaults.map(({ gateway, interface: name }) => `${gateway ? `via ${gateway} ` : ''}on ${name}`).join(', '))
  },
}
