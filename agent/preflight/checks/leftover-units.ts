import { type Check, fail, pass } from '../types.ts'

const directories = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
const names = ['kubelet.service', 'etcd.service', 'kube-proxy.service', 'kube-apiserver.service']

export const leftoverUnits: Check = {
  id: 'Leftover-units',
  group: 'leftovers',
  severity: 'warning',
  expected: 'no kubelet or etcd unit of a former installation',
  source: 'an old unit starts the old kubelet with the old flags',
  async run({ host }) {
    const found: string[] = []
    for (const directory of directories)
      for (const name of names) if (await host.info(`${directory}/${name}`)) found.push(`${directory}/${name}`)
    // /lib is a link to /usr/lib where the two were merged.
    const units = [...new Set(found.map((path) => path.replace(/^\/lib\//, '/usr/lib/')))]
    if (units.length === 0) return pass('none')
    const own = [...new Set(units.map((path) => path.split('/').at(-1)))].join(' ')
    return fail(
      units.join(', '),
      `\`systemctl disable --now ${own}\`, then \`rm -rf ${units.flatMap((path) => [path, `${path}.d`]).join(' ')} && systemctl daemon-reload\`, or remove the package.`,
    )
  },
}
