import { readKubeletVersion } from '#agent/facts/sources/components.ts'
import { type Check, fail, pass, unknown } from '../types.ts'
import { rulesOf } from '../versions.ts'

export const kubeletVersion: Check = {
  id: 'KubeletVersion',
  group: 'kubeadm',
  severity: 'error',
  expected: 'kubelet not newer than the cluster, and at most 3 minors older (1 for 1.28)',
  source: 'kubeadm KubeletVersionCheck; Kubernetes version skew policy',
  async run({ host, target }) {
    if (!(await host.which('kubelet'))) return fail('kubelet is not installed', `Install kubelet ${target.version}; a bundle brings it.`)
    const version = await readKubeletVersion(host)
    const minor = Number(version?.split('.')[1])
    if (!Number.isInteger(minor)) return unknown('kubelet --version gives no version', 'Run `kubelet --version` yourself.')
    const oldest = target.minor - rulesOf(target.ruleMinor).kubeletSkew
    if (minor > target.minor) return fail(`kubelet ${version} is newer than ${target.version}`, `Install kubelet 1.${target.minor}.`)
    if (minor < oldest) return fail(`kubelet ${version} is older than 1.${oldest}`, `Install kubelet 1.${target.minor}.`)
    return pass(`kubelet ${version} for ${target.version}`)
  },
}
