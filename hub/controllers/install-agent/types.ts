// What the installation over SSH needs of the rest of the hub.
import type { Clock } from '#shared/clock/clock.ts'
import type { Log } from '#shared/log/log.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import type { Resources } from '#hub/resources/types.ts'

export interface AgentBinary {
  /** moorline-agent-linux-<arch> */
  name: string
  sha256: string
}

export interface InstallAgentDeps {
  resources: Resources
  credentials: Credentials
  /** What this hub hands out to machines. */
  binaries(): Promise<AgentBinary[]>
  binaryPath(name: string): string | undefined
  /** /install.sh as machines download it. */
  installScript(): Promise<string>
  clock: Clock
  log: Log
}
