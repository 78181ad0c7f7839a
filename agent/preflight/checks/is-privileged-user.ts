import { type Check, fail, pass } from '../types.ts'

export const isPrivilegedUser: Check = {
  id: 'IsPrivilegedUser',
  group: 'kubeadm',
  severity: 'error',
  expected: 'effective user id 0',
  source: 'kubeadm IsPrivilegedUserCheck',
  async run({ host }) {
    const uid = host.uid()
    return uid === 0 ? pass('root') : fail(`user id ${uid}`, 'Run it as root (the agent runs as a systemd unit of root).')
  },
}
