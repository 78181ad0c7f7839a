import { type Check, type CheckContext, fail, pass } from '../types.ts'

const file = '/etc/NetworkManager/conf.d/90-cni.conf'
const directories = ['/etc/NetworkManager/conf.d', '/usr/lib/NetworkManager/conf.d', '/run/NetworkManager/conf.d']

/** The interfaces that a plugin makes; NetworkManager would take their addresses and routes away. */
function deviceNames(plugin: string | undefined): string[] {
  if (plugin === 'calico') return ['cali', 'vxlan.calico', 'tunl']
  if (plugin === 'flannel') return ['flannel', 'cni', 'veth']
  if (plugin === 'kube-ovn') return ['ovn0', 'ovs-system', 'genev_sys_']
  return ['cali', 'cni', 'flannel', 'veth']
}

export const networkManager: Check = {
  id: 'NetworkManager',
  group: 'host',
  severity: 'warning',
  expected: 'NetworkManager leaves the interfaces of the network plugin alone, or does not run',
  source: 'Calico documentation, configure NetworkManager; the same for flannel and kube-ovn',
  async run(context) {
    const { host, target } = context
    if (!(await host.info('/run/NetworkManager'))) return pass('does not run')
    const configured = await unmanagedDevices(context)
    const needed = deviceNames(target.plugin)
    const managed = needed.filter((name) => !configured.some((pattern) => pattern.includes(name)))
    if (managed.length === 0) return pass(`runs, and leaves ${needed.join(', ')} alone`)
    const line = `unmanaged-devices=${needed.map((name) => `interface-name:${name}*`).join(';')}`
    return fail(
      `runs, and would manage ${managed.join(', ')}`,
      `\`printf '[keyfile]\\n${line}\\n' > ${file} && systemctl reload NetworkManager\``,
    )
  },
}

async function unmanagedDevices({ host }: CheckContext): Promise<string[]> {
  const paths = ['/etc/NetworkManager/NetworkManager.conf']
  for (const directory of directories)
    for (const name of (await host.list(directory)) ?? []) if (name.endsWith('.conf')) paths.push(`${directory}/${name}`)
  const texts = await Promise.all(paths.map((path) => host.readText(path)))
  return texts.flatMap((text) => [...(text ?? '').matchAll(/^\s*unmanaged-devices\s*\+?=\s*(.+)$/gm)].map((match) => match[1] ?? ''))
}
