// Every route of the API beside those that api/server.ts has for its resources, in one list: what the hub serves is what the test takes that
// calls them all (test/hub/api/routes.test.ts).
import { createProxy } from '#hub/api/proxy/create.ts'
import type { ProxyDeps } from '#hub/api/proxy/types.ts'
import type { Artifacts } from '#hub/api/install/artifacts.ts'
import type { InstallFacts } from '#hub/api/install/facts.ts'
import { registerInstallRoutes } from '#hub/api/install/routes.ts'
import { registerImportedRights } from '#hub/api/registration/imported-rights.ts'
import { registerRegistration } from '#hub/api/registration/routes.ts'
import { createTerminals, type TerminalDeps } from '#hub/api/terminal/create.ts'
import type { ApiDeps } from '#hub/api/types.ts'

export interface ApiRoutesOptions extends ProxyDeps, TerminalDeps {
  /** As clients reach this hub; agents may reach it by another address, which `facts` has. */
  publicUrl: string
  /** Asked for each script and registration: pins change when a key is rotated. */
  facts(): InstallFacts
  artifacts: Artifacts
  agentImage: string
}

export interface ApiRoutes extends Required<Pick<ApiDeps, 'routes' | 'upgrades'>> {
  /** Ends what would not end by itself, when the hub stops. */
  drain(): void
  close(): void
}

export function createApiRoutes(options: ApiRoutesOptions): ApiRoutes {
  const { publicUrl, facts, artifacts, agentImage, resources, clock } = options
  const kubeconfigFacts = () => {
    const { web, fleetCaPem } = facts()
    return { publicUrl, caPem: web.isOperatorProvided ? undefined : fleetCaPem }
  }
  const proxy = createProxy({ ...options, facts: kubeconfigFacts })
  const terminals = createTerminals(options)
  return {
    routes: [
      (app) => registerInstallRoutes(app, { facts, artifacts }),
      (app) => registerImportedRights(app, { resources }),
      (app) => registerRegistration(app, { resources, facts, agentImage, clock }),
      proxy.register,
    ],
    upgrades: [proxy.upgrade, terminals.upgrade],
    drain() {
      terminals.drain()
      proxy.drain()
    },
    close: () => proxy.close(),
  }
}
