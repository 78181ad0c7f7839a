import { type Check, fail, pass, unknown } from '../types.ts'

export const swapPersistent: Check = {
  id: 'SwapPersistent',
  group: 'host',
  severity: 'warning',
  expected: 'nothing turns swap on at the next boot',
  source: 'a kubelet that refuses swap does not start after a reboot',
  async run({ host }) {
    const fstab = await host.readText('/etc/fstab')
    const entries = (fstab ?? '').split('\n').filter((line) => !line.trim().startsWith('#') && line.trim().split(/\s+/)[2] === 'swap')
    const units = ((await host.list('/etc/systemd/system')) ?? []).filter((name) => name.endsWith('.swap'))
    const zram = (
      await Promise.all(
        ['/etc/systemd/zram-generator.conf', '/usr/lib/systemd/zram-generator.conf'].map((path) =>
          host.info(path).then((info) => (info ? path : undefined)),
        ),
      )
    ).filter((path) => path !== undefined)
    const found = [...entries.map((line) => `/etc/fstab: ${line.trim().split(/\s+/)[0]}`), ...units, ...zram]
    if (found.length > 0)
      return fail(
        found.join(', '),
        'Comment the swap lines of /etc/fstab out, `systemctl mask` the units, remove the zram-generator configuration.',
      )
    return fstab === undefined && (await host.list('/etc')) === undefined
      ? unknown('/etc cannot be read', 'Look at /etc/fstab.')
      : pass('no entry in /etc/fstab, no swap unit, no zram generator')
  },
}
