import { type Check, fail, pass, unknown } from '../types.ts'

/** Long-term releases of the 5.x series, and everything from 6 on. */
const supported = [/^5\.4\D/, /^5\.10\D/, /^5\.15\D/, /^([6-9]|[1-9]\d+)\.\d+/]

export function isSupportedKernel(release: string): boolean {
  return supported.some((pattern) => pattern.test(`${release} `))
}

export const kernelVersion: Check = {
  id: 'SystemVerification/kernel',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'kernel 5.4, 5.10, 5.15, or 6 and newer',
  source: 'kubeadm SystemVerificationCheck (k8s.io/system-validators, KernelSpec.Versions)',
  async run({ machine }) {
    const release = await machine.kernelRelease()
    if (!release) return unknown('/proc/sys/kernel/osrelease cannot be read', 'Look at `uname -r`.')
    return isSupportedKernel(release) ? pass(release) : fail(release, 'Install a long-term kernel: 5.15, or 6.1 and newer.')
  },
}
