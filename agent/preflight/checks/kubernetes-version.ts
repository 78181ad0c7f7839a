import { type Check, fail, pass } from '../types.ts'
import { newestMinor, oldestMinor } from '../versions.ts'

const timeoutMs = 5_000

export const kubernetesVersion: Check = {
  id: 'KubernetesVersion',
  group: 'kubeadm',
  severity: 'warning',
  roles: ['controlPlane'],
  expected: `1.${oldestMinor} to 1.${newestMinor}, and not newer than an installed kubeadm`,
  source: 'kubeadm KubernetesVersionCheck',
  async run({ host, target }) {
    if (target.minor < oldestMinor || target.minor > newestMinor)
      return fail(
        `1.${target.minor} is outside of what is known; the rules of 1.${target.ruleMinor} were used`,
        `Choose a version from 1.${oldestMinor} to 1.${newestMinor}.`,
      )
    const { stdout, isMissing } = await host.run('kubeadm', ['version', '-o', 'short'], { timeoutMs })
    const installed = Number(/v1\.(\d+)\./.exec(stdout)?.[1])
    if (!isMissing && target.minor > installed)
      return fail(`kubeadm 1.${installed} is older than ${target.version}`, `Install kubeadm 1.${target.minor}.`)
    return pass(
      isMissing ? `${target.version}; no kubeadm is installed that could be older` : `${target.version} with kubeadm 1.${installed}`,
    )
  },
}
