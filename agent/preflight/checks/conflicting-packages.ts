import { type Check, fail, pass } from '../types.ts'

/** Other distributions of Kubernetes: each brings a kubelet, a CNI and firewall rules of its own. */
const distributions: Readonly<Record<string, string>> = {
  k3s: '/usr/local/bin/k3s-uninstall.sh',
  rke2: '/usr/local/bin/rke2-uninstall.sh',
  k0s: 'k0s reset',
  microk8s: 'snap remove --purge microk8s',
  minikube: 'minikube delete --all --purge',
}

export const conflictingPackages: Check = {
  id: 'ConflictingPackages',
  group: 'host',
  severity: 'error',
  expected: 'no other distribution of Kubernetes, and one container runtime',
  source: 'two kubelets or two firewalls on one machine undo each other’s work',
  async run({ host }) {
    const found: string[] = []
    for (const name of Object.keys(distributions)) if ((await host.which(name)) ?? (await host.which(`/snap/bin/${name}`))) found.push(name)
    if (found.length > 0)
      return fail(`installed: ${found.join(', ')}`, `Remove it: ${found.map((name) => `\`${distributions[name]}\``).join(', ')}.`)
    const doubtful: string[] = []
    const hasDocker = (await host.which('dockerd')) !== undefined
    if (hasDocker && !(await host.info('/run/cri-dockerd.sock')))
      doubtful.push('Docker (its packages own containerd’s configuration and switch CRI off)')
    if ((await host.which('containerd')) && (await host.which('crio'))) doubtful.push('containerd and CRI-O together')
    if (/^ENABLED=yes/m.test((await host.readText('/etc/ufw/ufw.conf')) ?? '')) doubtful.push('ufw, which is enabled')
    return doubtful.length > 0
      ? fail(
          `installed: ${doubtful.join('; ')}`,
          'Remove docker-ce/docker.io and the second runtime; `ufw disable`, or open the ports of the cluster in it.',
          'warning',
        )
      : pass('none')
  },
}
