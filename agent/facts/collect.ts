// What the agent tells about its machine. Read from /proc and /sys where they have it; versions of components and the hardware are asked
// from programs.
import { createHash } from 'node:crypto'
import { arch } from 'node:os'
import Value from 'typebox/value'
import type { Hardware } from '#agent/host/hardware.ts'
import type { Host } from '#agent/host/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { Facts } from '#shared/contract/facts.ts'
import { readKubeletVersion, readRuntime } from './sources/components.ts'
import { type Mount, readMounts } from './sources/mounts.ts'
import { type InterfaceAddress, platformAddresses, readNics } from './sources/nics.ts'
import { readRoutes } from './sources/routes.ts'
import * as system from './sources/system.ts'

/** Filesystems without a disk behind them. */
const virtualFsTypes = new Set(
  'proc sysfs tmpfs devtmpfs devpts cgroup cgroup2 mqueue debugfs tracefs securityfs pstore bpf configfs fusectl hugetlbfs autofs binfmt_misc nsfs ramfs rpc_pipefs efivarfs squashfs overlay'.split(
    ' ',
  ),
)
const limits = { disks: 64, nics: 64, routes: 256, resolvers: 16, addresses: 64 }

export interface FactsDeps {
  host: Host
  clock: Clock
  addresses?: () => InterfaceAddress[]
  hardware?: () => Promise<Hardware>
}

/** Throws when what was collected does not fit the schema, which is a defect and not a state of the machine. */
export async function collectFacts({ host, clock, addresses = platformAddresses, hardware }: FactsDeps): Promise<Facts> {
  const [hostname, os, kernel, cpu, memory, bootId, machineId, virtualization, initSystem] = await Promise.all([
    system.readHostname(host),
    system.readOsRelease(host),
    system.readKernelRelease(host),
    system.readCpu(host),
    system.readMemory(host),
    system.readBootId(host),
    system.readMachineId(host),
    system.readVirtualization(host),
    system.readLine(host, '/proc/1/comm'),
  ])
  const [disks, nics, routes, resolvConf, runtime, kubelet, machine] = await Promise.all([
    collectDisks(host),
    readNics(host, addresses()),
    readRoutes(host),
    system.readResolvConf(host),
    readRuntime(host),
    readKubeletVersion(host),
    hardware?.(),
  ])
  const facts = {
    hostname: clip(hostname ?? '', 256),
    os: { id: clip(os?.id ?? '', 256), versionId: clip(os?.versionId ?? '', 256), prettyName: clip(os?.prettyName ?? '', 256) },
    kernel: clip(kernel ?? '', 256),
    architecture: machineArchitecture(),
    ...(virtualization ? { virtualization: clip(virtualization, 64) } : {}),
    ...(machine ? { hardware: clipHardware(machine) } : {}),
    initSystem: clip(initSystem ?? '', 64),
    cpu: { model: clip(cpu?.model ?? '', 256), count: cpu?.count ?? 0 },
    memory: {
      totalBytes: memory?.get('MemTotal') ?? 0,
      availableBytes: memory?.get('MemAvailable') ?? 0,
      swapTotalBytes: memory?.get('SwapTotal') ?? 0,
    },
    disks,
    nics: (nics ?? []).slice(0, limits.nics).map(({ name, mac, mtu, isUp, speedMbps, addresses: own }) => ({
      name: clip(name, 64),
      mac: clip(mac, 32),
      mtu,
      up: isUp,
      ...(speedMbps === undefined ? {} : { speedMbps }),
      addresses: own.slice(0, limits.addresses),
    })),
    routes: (routes ?? []).slice(0, limits.routes).map(({ destination, gateway, interface: name, family }) => ({
      destination,
      ...(gateway === undefined ? {} : { gateway }),
      interface: name,
      family,
    })),
    resolvers: (resolvConf?.nameservers ?? []).slice(0, limits.resolvers).map((server) => clip(server, 64)),
    ...(runtime ? { runtime: { name: runtime.name, version: clip(runtime.version, 64) } } : {}),
    ...(kubelet ? { kubelet: { version: clip(kubelet, 64) } } : {}),
    bootId: clip(bootId ?? '', 64),
    machineIdHash: machineId === undefined ? '' : createHash('sha256').update(machineId).digest('hex'),
    collectedAt: clock.now().toISOString(),
  }
  return Value.Parse(Facts, facts)
}

/** One entry for each device, at its shortest mount point: bind mounts show the same disk many times. */
async function collectDisks(host: Host): Promise<Facts['disks']> {
  const byDevice = new Map<string, Mount>()
  for (const mount of (await readMounts(host)) ?? []) {
    const isDisk = !virtualFsTypes.has(mount.fsType) && !mount.fsType.startsWith('fuse')
    const known = byDevice.get(mount.deviceNumber)
    if (isDisk && (known === undefined || mount.mountPoint.length < known.mountPoint.length)) byDevice.set(mount.deviceNumber, mount)
  }
  const disks: Facts['disks'] = []
  for (const { mountPoint, device, fsType } of [...byDevice.values()].slice(0, limits.disks)) {
    const size = await host.filesystem(mountPoint).catch(unmounted)
    if (size === undefined) continue
    disks.push({
      mountPoint: clip(mountPoint, 1024),
      device: clip(device, 1024),
      fsType: clip(fsType, 64),
      sizeBytes: size.totalBytes,
      availableBytes: size.availableBytes,
      // btrfs and others without a fixed inode table report 0 of 0.
      ...(size.inodes > 0 ? { inodesFree: size.inodesFree } : {}),
    })
  }
  return disks
}

/** Between the list and the question a mount can go, or be one that this user may not enter. */
function unmounted(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'EACCES', 'ENOTDIR', 'ESTALE'].includes(error.code ?? '')) throw error
}

/** Kubernetes' names: amd64, arm64, s390x, ppc64le. */
export function machineArchitecture(): string {
  const name = arch()
  return { x64: 'amd64', ppc64: 'ppc64le' }[name as string] ?? name
}

function clipHardware({ manufacturer, model, blockDevices }: Hardware): Facts['hardware'] {
  return {
    manufacturer: clip(manufacturer, 256),
    model: clip(model, 256),
    blockDevices: blockDevices
      .slice(0, limits.disks)
      .map((device) => ({ ...device, name: clip(device.name, 64), model: clip(device.model, 256) })),
  }
}

function clip(text: string, maxLength: number): string {
  return text.length > maxLength ? text.slice(0, maxLength) : text
}
