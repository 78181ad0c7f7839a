import { type Check, fail, pass, unknown } from '../types.ts'

const programs = new Set(['kubelet', 'kube-apiserver', 'kube-controller', 'kube-scheduler', 'kube-proxy', 'etcd'])

export const leftoverProcesses: Check = {
  id: 'Leftover-processes',
  group: 'leftovers',
  severity: 'error',
  expected: 'no component of a cluster runs',
  source: 'a machine belongs to one cluster',
  async run({ host }) {
    const pids = (await host.list('/proc'))?.filter((name) => /^\d+$/.test(name))
    if (!pids || pids.length === 0) return unknown('/proc cannot be read', 'Look at `ps aux`.')
    const found: string[] = []
    for (const pid of pids) {
      const name = (await host.readText(`/proc/${pid}/comm`).catch(() => undefined))?.trim() // It may have ended meanwhile.
      if (name && programs.has(name)) found.push(`${name} (pid ${pid})`)
    }
    return found.length > 0
      ? fail(
          found.join(', '),
          'The machine is a node of a cluster: take it out there (`kubectl drain`, `kubectl delete node`), then `kubeadm reset --force`.',
        )
      : pass('none')
  },
}
