// What performs tasks of the action install-agent: the hub's own artifacts and install script, its credentials and its dialler, put together.
import type { Artifacts } from '#hub/api/install/artifacts.ts'
import type { InstallFacts } from '#hub/api/install/facts.ts'
import { installScript } from '#hub/api/install/script.ts'
import { createInstaller } from '#hub/controllers/install-agent/performer.ts'
import type { InstallAgentDeps } from '#hub/controllers/install-agent/types.ts'
import type { Performers } from '#hub/controllers/task/performed/types.ts'

export interface AgentInstallerOptions extends Pick<InstallAgentDeps, 'resources' | 'credentials' | 'clock' | 'log'> {
  artifacts: Artifacts
  facts(): InstallFacts
  random: () => number
}

export function createPerformers({ artifacts, facts, ...deps }: AgentInstallerOptions): Performers {
  const installer = createInstaller({
    ...deps,
    binaries: artifacts.agents,
    binaryPath: artifacts.path,
    installScript: async () => installScript(facts(), await artifacts.agents()),
  })
  return { 'install-agent': installer }
}
