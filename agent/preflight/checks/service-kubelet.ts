import { type Check, fail, pass, unknown } from '../types.ts'

export const serviceKubelet: Check = {
  id: 'Service-Kubelet',
  group: 'kubeadm',
  severity: 'warning',
  expected: 'the kubelet unit exists and is enabled',
  source: 'kubeadm ServiceCheck',
  async run({ host, machine }) {
    if (!(await machine.isSystemd()))
      return unknown('systemd does not run here, so no unit can be looked at', 'Use a machine that systemd has booted.')
    const { stdout, stderr, isMissing } = await host.run('systemctl', ['is-enabled', 'kubelet'], { timeoutMs: 5_000 })
    const state = stdout.trim()
    if (isMissing || (state === '' && !/no such file|not be found|not-found/i.test(stderr)))
      return unknown(stderr.trim() || 'systemctl gives no answer', 'Run `systemctl is-enabled kubelet`.')
    if (state === '' || state === 'not-found')
      return fail('there is no kubelet unit', 'Install the kubelet; a bundle brings it with its unit.')
    return state.startsWith('enabled') || state === 'static' ? pass(state) : fail(state, '`systemctl enable kubelet.service`')
  },
}
