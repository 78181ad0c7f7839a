import { readLine, readMachineId } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass } from '../types.ts'

export const machineId: Check = {
  id: 'MachineId',
  group: 'identity',
  severity: 'error',
  expected: '/etc/machine-id holds 32 hexadecimal digits (that they are unique in the fleet is the hub’s to see)',
  source: 'machine-id(5); kubeadm install requirements',
  async run({ host }) {
    if (await readMachineId(host)) return pass('present')
    const raw = await readLine(host, '/etc/machine-id')
    return fail(
      raw === undefined ? 'there is no /etc/machine-id' : `/etc/machine-id is ${raw === '' ? 'empty' : 'malformed'}`,
      '`systemd-machine-id-setup`; on an image that was cloned first `rm /etc/machine-id /var/lib/dbus/machine-id`.',
    )
  },
}
