import { mountOf } from '#agent/facts/sources/mounts.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

export const tmpNoexec: Check = {
  id: 'TmpNoexec',
  group: 'disk',
  severity: 'warning',
  expected: '/tmp is not mounted noexec',
  source: 'installers and single executables unpack programs there',
  async run({ machine }) {
    const mount = mountOf((await machine.mounts()) ?? [], '/tmp')
    if (mount === undefined) return unknown('/proc/self/mountinfo cannot be read', 'Look at `findmnt -T /tmp`.')
    const observed = `/tmp is on ${mount.mountPoint} (${mount.fsType}, ${mount.options.join(',')})`
    return mount.options.includes('noexec') ? fail(observed, '`mount -o remount,exec /tmp`, and in /etc/fstab to keep it.') : pass(observed)
  },
}
