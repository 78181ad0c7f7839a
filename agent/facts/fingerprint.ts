// One value that tells this machine from a copy of it.
import { createHash } from 'node:crypto'
import type { Host } from '#agent/host/types.ts'
import { readNics } from './sources/nics.ts'
import { readLine, readMachineId, readProductUuid } from './sources/system.ts'

const permanentAddress = 0
const zeroMac = '00:00:00:00:00:00'

/**
 * SHA-256 (hex) over what stays the same while a machine lives and differs on its copy.
 *
 * - `/etc/machine-id` is copied with a disk, so it is never enough alone.
 * - the SMBIOS product UUID is given to each virtual machine and survives every change of its cards. Where it is readable it decides
 *   alone with the machine-id, so plugging a card or replacing one does not make another machine.
 * - where it is not (containers, boards without SMBIOS, or firmware with a placeholder), the permanent MAC addresses of the physical cards
 *   take its place, sorted. There a changed card is a changed machine: the choice errs towards asking the operator.
 *
 * Throws when there is neither a machine-id nor a product UUID nor a card: any value would be shared with other machines.
 */
export async function machineFingerprint({ host }: { host: Host }): Promise<string> {
  const machineId = await readMachineId(host)
  const uuid = await readProductUuid(host).catch(unreadable)
  const cards = uuid === undefined ? await permanentMacs(host) : []
  if (machineId === undefined && uuid === undefined && cards.length === 0)
    throw new Error(
      'this machine has no /etc/machine-id, product UUID or network card to tell it from others; run systemd-machine-id-setup',
    )
  const lines = [
    'moorline-fingerprint-1',
    `machine-id ${machineId ?? ''}`,
    `product-uuid ${uuid ?? ''}`,
    ...cards.map((mac) => `mac ${mac}`),
  ]
  return createHash('sha256')
    .update(`${lines.join('\n')}\n`)
    .digest('hex')
}

/** The MAC addresses burnt into cards, not those that a bond, a bridge or an administrator has set. */
async function permanentMacs(host: Host): Promise<string[]> {
  const macs: string[] = []
  for (const nic of (await readNics(host, [])) ?? []) {
    if (!nic.isPhysical || nic.mac === '' || nic.mac === zeroMac) continue
    const assignType = Number((await readLine(host, `/sys/class/net/${nic.name}/addr_assign_type`)) ?? permanentAddress)
    if (assignType === permanentAddress) macs.push(nic.mac.toLowerCase())
  }
  return [...new Set(macs)].sort()
}

/** product_uuid is 0400: for an agent that is not root it does not exist. */
function unreadable(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error
}
