// The running kernel's configuration, from wherever the distribution leaves it.
import { gunzipSync } from 'node:zlib'
import { readKernelRelease } from '#agent/facts/sources/system.ts'
import type { Host } from '#agent/host/types.ts'

const maxBytes = 4 * 1024 * 1024

export interface KernelConfig {
  path: string
  /** `y`, `m` or another value by name without CONFIG_; what is not set is not in it. */
  values: ReadonlyMap<string, string>
}

/** Places that k8s.io/system-validators looks at, in its order. Unlike there, the `configs` module is not loaded: this is read-only. */
export function kernelConfigPaths(release: string): string[] {
  return [
    '/proc/config.gz',
    `/boot/config-${release}`,
    `/usr/src/linux-${release}/.config`,
    '/usr/src/linux/.config',
    `/usr/lib/modules/${release}/config`,
    `/usr/lib/ostree-boot/config-${release}`,
    `/usr/lib/kernel/config-${release}`,
    `/usr/src/linux-headers-${release}/.config`,
    `/lib/modules/${release}/build/.config`,
    `/lib/modules/${release}/config`,
  ]
}

/** undefined when there is none. Throws when one exists and cannot be read or unpacked. */
export async function readKernelConfig(host: Host): Promise<KernelConfig | undefined> {
  const release = (await readKernelRelease(host)) ?? 'unknown'
  for (const path of kernelConfigPaths(release)) {
    const data = await host.readBytes(path, { maxBytes })
    if (data === undefined) continue
    const text = (path.endsWith('.gz') ? gunzipSync(data, { maxOutputLength: maxBytes }) : data).toString('utf8')
    return { path, values: parseKernelConfig(text) }
  }
  return undefined
}

export function parseKernelConfig(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const [, name, value] of text.matchAll(/^CONFIG_([A-Za-z0-9_]+)=(.*)$/gm)) if (name && value !== undefined) values.set(name, value)
  return values
}
