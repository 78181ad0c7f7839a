// The API with every route that a hub serves. No machine and no cluster is behind it: what is asked here is who is let through.
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { createArtifacts } from '#hub/api/install/artifacts.ts'
import { createApiRoutes } from '#hub/api-routes.ts'
import { createClusterClient } from '#hub/clusters/client.ts'
import { createClusterRoutes } from '#hub/clusters/routes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { selfSigned, startApi, type TestApi } from './fixture.ts'

export async function startWholeApi(t: Parameters<typeof startApi>[0]): Promise<TestApi> {
  const artifacts = await createArtifacts(await tempDir(t))
  const client = createClusterClient({ clock: systemClock })
  const { cert } = await selfSigned()
  t.teardown(() => client.close())
  return startApi(t, {
    extend({ resources, store, auth, clock }) {
      const routes = createApiRoutes({
        ...{ resources, store, auth, clock, log: silentLog, client, routes: createClusterRoutes({}) },
        tunnels: { open: () => Promise.reject(new TunnelError('AgentUnreachable', 'there is no agent')) },
        isAlive: () => false,
        publicUrl: 'https://hub.example.com',
        facts: () => ({
          publicUrl: 'https://hub.example.com',
          web: { cert, pins: [], isOperatorProvided: false },
          ...{ fleetPins: [], fleetCaPem: cert, version: '0.1.0' },
        }),
        ...{ artifacts, agentImage: 'agent:0.1.0' },
      })
      t.teardown(async () => routes.close())
      return { routes: routes.routes, upgrades: routes.upgrades }
    },
  })
}
