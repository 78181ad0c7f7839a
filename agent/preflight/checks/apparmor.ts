import { readLine } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass } from '../types.ts'

export const apparmor: Check = {
  id: 'AppArmor',
  group: 'host',
  severity: 'warning',
  expected: 'where AppArmor is on, apparmor_parser is installed',
  source: 'containerd loads its default profile with apparmor_parser and starts no container without it',
  async run({ host }) {
    if ((await readLine(host, '/sys/module/apparmor/parameters/enabled')) !== 'Y') return pass('off')
    return (await host.which('apparmor_parser'))
      ? pass('on, with apparmor_parser')
      : fail('on, without apparmor_parser', 'Install the package apparmor, or apparmor=0 on the kernel command line.')
  },
}
