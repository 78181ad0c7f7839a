import { type Check, fail, pass, unknown } from '../types.ts'

export const firewalld: Check = {
  id: 'Firewalld',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'firewalld is not active',
  source: 'kubeadm FirewalldCheck',
  async run({ host }) {
    if (!(await host.which('firewalld'))) return pass('not installed')
    const { exitCode, stdout, stderr, isMissing } = await host.run('systemctl', ['is-active', 'firewalld'], { timeoutMs: 5_000 })
    if (isMissing || /not been booted|Failed to connect/i.test(stderr))
      return unknown('installed, and systemd cannot be asked whether it is active', 'Run `firewall-cmd --state`.')
    if (exitCode !== 0) return pass(`installed, ${stdout.trim() || 'inactive'}`)
    return fail(
      'active',
      'Open the ports of the cluster (6443 10250 2379 2380 10257 10259 and those of the network plugin), or `systemctl disable --now firewalld`.',
    )
  },
}
