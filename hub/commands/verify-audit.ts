// moorline-hub verify-audit [--from FILE]: walks the hash chain of the audit log, of a stopped hub's database or of a backup.
import { join, resolve } from 'node:path'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import type { HubConfig } from '#hub/config/config.ts'
import { openStore } from '#hub/store/open.ts'

export async function verifyAuditCommand(config: HubConfig, from: string | undefined): Promise<number> {
  const path = from ? resolve(from) : join(config.dataDir, 'hub.db')
  const store = await openStore({ path, log: silentLog, clock: systemClock })
  try {
    const { ok, rows, firstBadId } = await store.verifyAudit()
    process.stdout.write(
      ok
        ? `The audit log in ${path} is whole: ${rows} rows, each chained to the one before.\n`
        : `The audit log in ${path} has been changed: row ${firstBadId} of ${rows} does not fit the one before. Compare it with a backup.\n`,
    )
    return ok ? 0 : 1
  } finally {
    await store.close()
  }
}
