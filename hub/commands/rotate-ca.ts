// moorline-hub rotate-ca: the prepared fleet CA becomes the issuer and another is prepared. Agents have pinned it since they
// enrolled, so no machine has to be visited. The hub must not run meanwhile.
import { join } from 'node:path'
import { systemClock } from '#shared/clock/clock.ts'
import type { HubConfig } from '#hub/config/config.ts'
import { openPki } from '#hub/pki/open.ts'
import { lockDatabase } from '#hub/store/lock.ts'

export async function rotateCaCommand(config: HubConfig): Promise<number> {
  const lock = lockDatabase(join(config.dataDir, 'hub.db'))
  try {
    const pki = await openPki({ dataDir: config.dataDir, names: config.names, clock: systemClock, mustExist: true })
    const before = pki.pins
    await pki.rotateCa()
    process.stdout.write(
      `The fleet CA is now ${pki.pins[0]}, the next one ${pki.pins[1]} (before: ${before.join(', ')}).\n` +
        'Start the hub. Agents trust the new CA already and learn the next one when they renew; certificates of the old CA stay valid until they end.\n',
    )
    return 0
  } finally {
    lock.release()
  }
}
