// What performs tasks of the action install-agent: the hub's own artifacts and install script, its credentials and its dialler, put together.
import { createConnection } from 'node:net'
import { once } from 'node:events'
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Artifacts } from '#hub/api/install/artifacts.ts'
import type { InstallFacts } from '#hub/api/install/facts.ts'
import { installScript } from '#hub/api/install/script.ts'
import { createInstaller } from '#hub/controllers/install-agent/performer.ts'
import type { Performers } from '#hub/controllers/task/performed/types.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface AgentInstallerOptions {
  resources: Resources
  credentials: Credentials
  artifacts: Artifacts
  facts(): InstallFacts
  clock: Clock
  random: () => number
  log: Log
}

export function createPerformers({ artifacts, facts, ...deps }: AgentInstallerOptions): Performers {
  const installer = createInstaller({
    ...deps,
    async dial({ host, port }, { signal }) {
      const socket = createConnection({ host, port, signal } as never)
      await once(socket, 'connect')
      return socket
    },
    binaries: artifacts.agents,
    binaryPath: artifacts.path,
    installScript: async () => installScript(facts(), await artifacts.agents()),
  })
  return { 'install-agent': installer }
}
