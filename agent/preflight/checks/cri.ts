import type { Host } from '#agent/host/types.ts'
import { type Check, fail, type Finding, pass, unknown } from '../types.ts'

/** In the order of kubeadm's defaultKnownCRISockets. */
const sockets = [
  '/run/containerd/containerd.sock',
  '/var/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/var/run/crio/crio.sock',
  '/run/cri-dockerd.sock',
  '/var/run/cri-dockerd.sock',
]
const install = 'Install and start a container runtime (containerd, CRI-O); a bundle brings containerd.'

export const cri: Check = {
  id: 'CRI',
  group: 'kubeadm',
  severity: 'error',
  expected: 'a container runtime answers on its CRI socket',
  source: 'kubeadm ContainerRuntimeCheck',
  async run({ host }) {
    for (const socket of sockets) if ((await host.info(socket))?.isSocket) return ask(host, socket)
    return fail('no CRI socket of containerd, CRI-O or cri-dockerd', install)
  },
}

async function ask(host: Host, socket: string): Promise<Finding> {
  const result = await host.run('crictl', ['--runtime-endpoint', `unix://${socket}`, '--timeout', '5s', 'info'], { timeoutMs: 8_000 })
  if (result.isMissing)
    return unknown(
      `${socket} is there, but crictl is not installed to ask it`,
      'Install cri-tools, or look at `systemctl status containerd`.',
    )
  if (result.exitCode !== 0)
    return fail(
      `${socket} does not answer: ${result.stderr.trim().split('\n').at(-1) ?? ''}`,
      'Look at `journalctl -u containerd`; containerd must not have "cri" in disabled_plugins of /etc/containerd/config.toml.',
    )
  if (/"type":\s*"RuntimeReady"[^}]*"status":\s*false|"status":\s*false[^}]*"type":\s*"RuntimeReady"/.test(result.stdout))
    return fail(`${socket}: RuntimeReady is false`, 'Look at `crictl info` and `journalctl -u containerd`.')
  return pass(`${socket} answers`)
}
