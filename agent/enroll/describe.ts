// What the agent says about its machine when it asks to join; the hub shows it to the operator who approves.
import { arch, hostname, networkInterfaces } from 'node:os'
import { machineFingerprint } from '#agent/facts/fingerprint.ts'
import type { Host } from '#agent/host/types.ts'
import type { MachineDescription } from '#agent/enroll/enroll.ts'

/** `fingerprint` where it is not the machine's own. */
export async function describeMachine(host: Host, agentVersion: string, fingerprint?: string): Promise<MachineDescription> {
  const release = (await host.readText('/etc/os-release')) ?? ''
  const os = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'linux'
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.internal)
    .map((entry) => entry.address)
  return {
    hostname: hostname(),
    machineFingerprint: fingerprint ?? (await machineFingerprint({ host })),
    agentVersion,
    os: os.slice(0, 128),
    architecture: arch(),
    addresses: addresses.slice(0, 64),
  }
}
