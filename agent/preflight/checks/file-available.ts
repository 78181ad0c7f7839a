import { type Check, fail, pass, type Role } from '../types.ts'

export function fileAvailable(path: string, roles?: readonly Role[]): Check {
  return {
    id: `FileAvailable-${path.replaceAll('/', '-')}`,
    group: 'kubeadm',
    severity: 'error',
    roles,
    expected: `${path} does not exist`,
    source: 'kubeadm FileAvailableCheck',
    async run({ host }) {
      const info = await host.info(path)
      if (info === undefined) return pass('absent')
      return fail(
        `exists, ${info.sizeBytes} bytes`,
        `The machine is or was a node of a cluster. Reset it: \`kubeadm reset --force\`, or \`rm -f ${path}\`.`,
      )
    },
  }
}
