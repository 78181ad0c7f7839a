// What several checks look at, read once for a run.
import { readMounts } from '#agent/facts/sources/mounts.ts'
import { readNics } from '#agent/facts/sources/nics.ts'
import { readRoutes } from '#agent/facts/sources/routes.ts'
import * as system from '#agent/facts/sources/system.ts'
import type { Probes } from '#agent/host/probes.ts'
import type { Host } from '#agent/host/types.ts'
import { readKernelConfig } from './kernel-config.ts'
import { readListeners } from './listeners.ts'

export type Machine = ReturnType<typeof createMachine>

export function createMachine(host: Host, probes: Probes) {
  return {
    addresses: once(async () => probes.addresses()),
    routes: once(() => readRoutes(host)),
    nics: once(() => readNics(host, probes.addresses())),
    mounts: once(() => readMounts(host)),
    memory: once(() => system.readMemory(host)),
    resolvConf: once(() => system.readResolvConf(host)),
    osRelease: once(() => system.readOsRelease(host)),
    hostname: once(() => system.readHostname(host)),
    kernelRelease: once(() => system.readKernelRelease(host)),
    kernelConfig: once(() => readKernelConfig(host)),
    listeners: once(() => readListeners(host)),
    /** PID 1 is systemd (sd_booted(3)). */
    isSystemd: once(async () => (await host.info('/run/systemd/system'))?.isDirectory ?? false),
  }
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined
  return () => {
    value ??= read()
    return value
  }
}
