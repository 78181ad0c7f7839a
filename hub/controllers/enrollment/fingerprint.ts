// Whether somebody who shows a machine's identity is another machine: a copy of its disk, or the same one with new hardware.
import type { Machine } from '#shared/contract/machine.ts'

/** Set on a Machine by an operator who knows that its hardware was changed: this value is accepted from then on. */
export const acceptFingerprintAnnotation = 'moorline.dev/accept-machine-fingerprint'

export function isOtherMachine({ metadata, status }: Machine, fingerprint: string): boolean {
  const known = status?.machineFingerprint
  return known !== undefined && known !== fingerprint && metadata.annotations?.[acceptFingerprintAnnotation] !== fingerprint
}
