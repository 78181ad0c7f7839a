import { readLine } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass } from '../types.ts'

const policy = '/var/lib/selinux/targeted/active/modules/200/container'

export const selinux: Check = {
  id: 'SELinux',
  group: 'host',
  severity: 'warning',
  expected: 'SELinux is off or permissive, or enforces with the container policy installed',
  source: 'container-selinux; kubeadm install documentation',
  async run({ host }) {
    const enforce = await readLine(host, '/sys/fs/selinux/enforce')
    if (enforce === undefined) return pass('off')
    if (enforce === '0') return pass('permissive')
    if (await host.info(policy)) return pass('enforcing, with the container policy')
    const { exitCode } = await host.run('rpm', ['-q', 'container-selinux'], { timeoutMs: 5_000 })
    return exitCode === 0
      ? pass('enforcing, with container-selinux')
      : fail(
          'enforcing, without a policy for containers',
          'Install container-selinux, or `setenforce 0` and SELINUX=permissive in /etc/selinux/config.',
        )
  },
}
