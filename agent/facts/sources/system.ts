// Small facts of the operating system, one reader each. undefined means that the machine does not tell.
import type { Host } from '#agent/host/types.ts'

export interface OsRelease {
  id: string
  idLike: string[]
  versionId: string
  prettyName: string
}

/** os-release(5): shell-like assignments; the first of the two places wins. */
export async function readOsRelease(host: Host): Promise<OsRelease | undefined> {
  const text = (await host.readText('/etc/os-release')) ?? (await host.readText('/usr/lib/os-release'))
  if (text === undefined) return undefined
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*))$/.exec(line.trim())
    if (match?.[1]) values.set(match[1], (match[2] ?? match[3] ?? match[4] ?? '').replace(/\\(.)/g, '$1'))
  }
  return {
    id: values.get('ID') ?? 'linux',
    idLike: (values.get('ID_LIKE') ?? '').split(' ').filter(Boolean),
    versionId: values.get('VERSION_ID') ?? '',
    prettyName: values.get('PRETTY_NAME') ?? values.get('ID') ?? 'Linux',
  }
}

export async function readLine(host: Host, path: string): Promise<string | undefined> {
  return (await host.readText(path))?.split('\n')[0]?.trim()
}

export function readKernelRelease(host: Host): Promise<string | undefined> {
  return readLine(host, '/proc/sys/kernel/osrelease')
}

export function readHostname(host: Host): Promise<string | undefined> {
  return readLine(host, '/proc/sys/kernel/hostname')
}

export function readBootId(host: Host): Promise<string | undefined> {
  return readLine(host, '/proc/sys/kernel/random/boot_id')
}

/** machine-id(5); a not yet initialised image says `uninitialized`. undefined unless it is 32 hexadecimal digits. */
export async function readMachineId(host: Host): Promise<string | undefined> {
  const text = (await readLine(host, '/etc/machine-id')) || (await readLine(host, '/var/lib/dbus/machine-id'))
  return text !== undefined && /^[0-9a-f]{32}$/.test(text) ? text : undefined
}

/** SMBIOS UUID; undefined where the firmware gives none (most containers) or one of the placeholders that vendors ship. */
export async function readProductUuid(host: Host): Promise<string | undefined> {
  const text = (await readLine(host, '/sys/class/dmi/id/product_uuid'))?.toLowerCase()
  const isPlaceholder = !text || /^0+-|^f+-|^03000200-0400-0500-0006-000700080009$/.test(text)
  return isPlaceholder ? undefined : text
}

/** Bytes by key of /proc/meminfo, whose numbers are KiB although they say kB. */
export async function readMemory(host: Host): Promise<Map<string, number> | undefined> {
  const text = await host.readText('/proc/meminfo')
  if (text === undefined) return undefined
  const values = new Map<string, number>()
  for (const [, key, kib] of text.matchAll(/^([A-Za-z_()0-9]+):\s+(\d+) kB$/gm)) if (key) values.set(key, Number(kib) * 1024)
  return values
}

export async function readCpu(host: Host): Promise<{ model: string; count: number } | undefined> {
  const text = await host.readText('/proc/cpuinfo')
  if (text === undefined) return undefined
  const model = /^(?:model name|Model|cpu model|Processor)\s*:\s*(.+)$/m.exec(text)?.[1] ?? 'unknown'
  return { model: model.trim(), count: [...text.matchAll(/^processor\s*:/gm)].length }
}

/** Name servers and search list of resolv.conf(5). */
export interface ResolvConf {
  nameservers: string[]
  search: string[]
}

export async function readResolvConf(host: Host, path = '/etc/resolv.conf'): Promise<ResolvConf | undefined> {
  const text = await host.readText(path)
  if (text === undefined) return undefined
  const nameservers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
  // The last of several search or domain lines wins.
  const search = [...text.matchAll(/^\s*(?:search|domain)\s+(.+)$/gm)].at(-1)?.[1] ?? ''
  return { nameservers, search: search.trim().split(/\s+/).filter(Boolean) }
}

export async function readVirtualization(host: Host): Promise<string | undefined> {
  const container = await readLine(host, '/run/systemd/container')
  if (container) return container
  const vendor = await readLine(host, '/sys/class/dmi/id/sys_vendor')
  const product = await readLine(host, '/sys/class/dmi/id/product_name')
  const known = /KVM|QEMU|VMware|VirtualBox|Xen|Microsoft|Amazon EC2|Google|Alibaba|OpenStack|Parallels|Bochs/i.exec(
    `${vendor} ${product}`,
  )?.[0]
  if (known) return known
  const hypervisor = await readLine(host, '/sys/hypervisor/type')
  if (hypervisor) return hypervisor
  return /^flags\s*:.*\bhypervisor\b/m.test((await host.readText('/proc/cpuinfo')) ?? '') ? 'virtual machine' : undefined
}
