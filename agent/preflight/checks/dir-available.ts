import { type Check, fail, pass, type Role } from '../types.ts'

export function dirAvailable(path: string, roles?: readonly Role[]): Check {
  return {
    id: `DirAvailable-${path.replaceAll('/', '-')}`,
    group: 'kubeadm',
    severity: 'error',
    roles,
    expected: `${path} does not exist or is empty`,
    source: 'kubeadm DirAvailableCheck',
    async run({ host }) {
      const names = await host.list(path)
      if (names === undefined) return pass('absent')
      // A filesystem of its own has this one in it from the start.
      const found = names.filter((name) => name !== 'lost+found')
      if (found.length === 0) return pass('empty')
      return fail(`holds ${found.slice(0, 5).join(', ')}`, `Make sure that no etcd member uses it, then \`rm -rf ${path}/*\`.`)
    },
  }
}
