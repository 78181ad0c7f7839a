import { type Check, fail, pass, skipped, unknown } from '../types.ts'

const listTimeoutMs = 10_000
const pullTimeoutMs = 300_000

/** The only check that changes the machine, so it is off unless the input asks for it. */
export const imagePull: Check = {
  id: 'ImagePull',
  group: 'kubeadm',
  severity: 'error',
  roles: ['controlPlane'],
  expected: 'the images of the version can be pulled (this stores them on the machine)',
  source: 'kubeadm ImagePullCheck',
  timeoutMs: 600_000,
  async run({ host, target, signal }) {
    if (!target.input.pullImages) return skipped('off: it stores images on the machine; ask for it with --pull-images')
    const version = target.version.split('.').length === 2 ? `${target.version}.0` : target.version
    const listed = await host.run('kubeadm', ['config', 'images', 'list', '--kubernetes-version', `v${version}`], {
      timeoutMs: listTimeoutMs,
    })
    if (listed.isMissing) return unknown('kubeadm, which names the images, is not installed', `Install kubeadm ${target.version}.`)
    const images = listed.stdout
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
    if (listed.exitCode !== 0 || images.length === 0)
      return unknown(`kubeadm names no images: ${listed.stderr.trim()}`, 'Run `kubeadm config images list` yourself.')
    for (const image of images) {
      signal.throwIfAborted()
      const pulled = await host.run('crictl', ['pull', image], { timeoutMs: pullTimeoutMs })
      if (pulled.isMissing) return unknown('crictl, which pulls them, is not installed', 'Install cri-tools.')
      if (pulled.exitCode !== 0)
        return fail(
          `${image}: ${pulled.stderr.trim().split('\n').at(-1) ?? 'failed'}`,
          'Check that the registry is reachable from the container runtime, and its proxy and credentials.',
        )
    }
    return pass(`pulled ${images.length} images`)
  },
}
