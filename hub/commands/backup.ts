// moorline-hub backup --to FILE, restore --from FILE. A backup can be taken while the hub runs.
import { join, resolve } from 'node:path'
import { systemClock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { armFailpoints } from '#shared/flow/failpoint.ts'
import type { HubConfig } from '#hub/config/config.ts'
import { backupDatabase, restoreBackup } from '#hub/store/backup.ts'

export async function backupCommand(config: HubConfig, to: string | undefined): Promise<number> {
  if (!to) throw new OperatorError('InvalidConfiguration', 'backup has no --to', 'Write: backup --to FILE')
  if (config.failpoints) armFailpoints(config.failpoints, () => process.kill(process.pid, 'SIGKILL'))
  const from = join(config.dataDir, 'hub.db')
  await backupDatabase({ from, to: resolve(to), onProgress: (fraction) => process.stderr.write(`\r${Math.round(fraction * 100)} %`) })
  process.stderr.write('\n')
  process.stdout.write(
    `Backed up ${from} to ${resolve(to)}.\nThe keys in ${join(config.dataDir, 'pki')} and ${join(config.dataDir, 'nats')} and the file ${join(config.dataDir, 'credentials.key')} are not in it: copy them to a safe place as well, apart from the backup.\n`,
  )
  return 0
}

export async function restoreCommand(config: HubConfig, from: string | undefined): Promise<number> {
  if (!from) throw new OperatorError('InvalidConfiguration', 'restore has no --from', 'Write: restore --from FILE')
  const to = join(config.dataDir, 'hub.db')
  const { replaced } = restoreBackup({ from: resolve(from), to, clock: systemClock })
  process.stdout.write(`Restored ${to} from ${resolve(from)}.${replaced ? ` What was there is kept as ${replaced}.` : ''}\n`)
  return 0
}
