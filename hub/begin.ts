// What a hub begins with: log, failpoints and the database. The database is checked and read in a thread of its own, which takes as
// long as loading the rest of the program when there are ten thousand machines; so this is all that is loaded before it starts.
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '#shared/clock/clock.ts'
import { armFailpoints } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import type { HubConfig } from '#hub/config/config.ts'
import { createLog } from '#hub/observability/log.ts'
import { openStore } from '#hub/store/open.ts'
import type { Store } from '#hub/store/types.ts'

export interface Opened {
  /** Absolute, without symbolic links. */
  dataDir: string
  store: Store
}

export interface Beginning {
  log: Log
  /** Rejects with what openStore throws. */
  opened: Promise<Opened>
  /** Resolves with the exit code after SIGTERM or SIGINT, or when the store can write no more. */
  stopping: Promise<number>
  close(): Promise<void>
}

export function beginHub(config: HubConfig, isTty: boolean): Beginning {
  const log = createLog({ level: config.logLevel, pretty: isTty })
  if (config.failpoints) armFailpoints(config.failpoints, () => process.kill(process.pid, 'SIGKILL'))
  const { promise: stopping, resolve: stop } = Promise.withResolvers<number>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(0))

  const open = async (): Promise<Opened> => {
    // Without a wait: loading the program does not let go of this thread before it is done.
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
    const dataDir = realpathSync(config.dataDir)
    const { failpoints } = config
    return {
      dataDir,
      store: await openStore({ path: join(dataDir, 'hub.db'), log, clock: systemClock, failpoints, onFatal: () => stop(1) }),
    }
  }
  const opened = open()
  const closed = opened.then(
    ({ store }) => store,
    () => undefined, // told to whoever awaits `opened`
  )
  return { log, opened, stopping, close: async () => (await closed)?.close() }
}
