// Which certificate serials may act for which agent: derived from Machines, kept by following changes, asked on every call and stream.
import type { Clock } from '#shared/clock/clock.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Resource } from '#shared/contract/meta.ts'
import type { Resources } from '#hub/resources/types.ts'

export type Verdict = { ok: true } | { ok: false; reason: string }

export interface Identities {
  machineName(agentId: string): string | undefined
  /** The machine whose key has this fingerprint: the same key is the same request. */
  machineWithFingerprint(fingerprint: string): string | undefined
  isAllowed(agentId: string, serial: string): Verdict
  /** Calls for every identity that a removal, denial or revocation has ended, then for each at the moment it ends. */
  whenLost(listener: (agentId: string) => void): void
  close(): void
}

interface Entry {
  name: string
  approved: boolean
  revoked: boolean
  deleting: boolean
  serials: { serial: string; notAfterMs: number }[]
}

function entryOf(machine: Machine): Entry {
  const certificate = machine.status?.certificate
  const notAfterMs = certificate ? Date.parse(certificate.notAfter) : 0
  return {
    name: machine.metadata.name,
    approved: machine.spec.approved === true,
    revoked: machine.spec.revoked === true,
    deleting: machine.metadata.deletionTimestamp !== undefined,
    // The previous certificate cannot outlive the current one, which was issued later for the same lifetime.
    serials: [certificate?.serial, certificate?.previousSerial].flatMap((serial) => (serial ? [{ serial, notAfterMs }] : [])),
  }
}

export function createIdentities({ resources, clock }: { resources: Resources; clock: Clock }): Identities {
  const entries = new Map<string, Entry>()
  const names = new Map<string, string>()
  const lost = new Set<string>()
  let onLost: ((agentId: string) => void) | undefined
  const lose = (agentId: string, entry: Entry | undefined) => {
    if (lost.has(agentId) || !entry?.serials.length) return
    lost.add(agentId)
    onLost?.(agentId)
  }
  const take = (machine: Machine) => {
    const agentId = machine.status?.agentId
    if (!agentId) return
    const entry = entryOf(machine)
    if (machine.status?.enrollment) names.set(machine.status.enrollment.fingerprint, entry.name)
    entries.set(agentId, entry)
    if (entry.revoked || entry.deleting || !entry.approved) lose(agentId, entry)
    else lost.delete(agentId)
  }
  const forget = (machine: Machine | undefined) => {
    const agentId = machine?.status?.agentId
    if (!agentId) return
    lose(agentId, entries.get(agentId))
    entries.delete(agentId)
    if (machine.status?.enrollment) names.delete(machine.status.enrollment.fingerprint)
  }
  const subscription = resources.subscribe((change) => {
    if (change.kind !== 'Machine') return
    const machine = change.object as Resource as Machine
    if (change.type === 'DELETED') return forget(machine)
    const previous = change.previous as Resource as Machine | undefined
    // An installation that failed took the identity back, and the next one brings another.
    if (previous?.status?.agentId !== machine.status?.agentId) forget(previous)
    take(machine)
  })
  for (const machine of resources.list<Machine>('Machine').items) take(machine)

  return {
    machineName: (agentId) => entries.get(agentId)?.name,
    machineWithFingerprint: (fingerprint) => names.get(fingerprint),
    isAllowed(agentId, serial) {
      const entry = entries.get(agentId)
      if (!entry) return { ok: false, reason: 'UnknownIdentity' }
      if (entry.revoked) return { ok: false, reason: 'Revoked' }
      if (entry.deleting) return { ok: false, reason: 'MachineDeleted' }
      if (!entry.approved) return { ok: false, reason: 'NotApproved' }
      const known = entry.serials.find((candidate) => candidate.serial === serial)
      if (!known) return { ok: false, reason: 'CertificateSuperseded' }
      if (known.notAfterMs <= clock.now().getTime()) return { ok: false, reason: 'CertificateExpired' }
      return { ok: true }
    },
    whenLost(listener) {
      onLost = listener
      for (const agentId of lost) listener(agentId)
    },
    close: () => subscription.close(),
  }
}
