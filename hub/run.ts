// Runs the hub: builds the parts in the order of what needs what, and takes them down in reverse.
import { systemClock } from '#shared/clock/clock.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { createApi } from '#hub/api/server.ts'
import { ensureAdmin } from '#hub/auth/admin-kubeconfig.ts'
import { createAuth } from '#hub/auth/create.ts'
import { createClusterClient } from '#hub/clusters/client.ts'
import { createAdmission } from '#hub/clusters/imported/admit.ts'
import { createImportedRoutes } from '#hub/clusters/imported/route.ts'
import { createRegisteredRoutes } from '#hub/clusters/registered/route.ts'
import { createClusterRoutes } from '#hub/clusters/routes.ts'
import type { HubConfig } from '#hub/config/config.ts'
import { createClusterController } from '#hub/controllers/cluster/controller.ts'
import { createCredentialController } from '#hub/controllers/credential/controller.ts'
import { createEnrollment } from '#hub/controllers/enrollment/enroll.ts'
import { createIdentities } from '#hub/controllers/enrollment/identities.ts'
import { withRequester } from '#hub/controllers/install-agent/requester.ts'
import { createJoinTokenController } from '#hub/controllers/join-token/controller.ts'
import { createAgentSessions } from '#hub/controllers/machine/agent-sessions.ts'
import { createMachineController } from '#hub/controllers/machine/controller.ts'
import { createPresence } from '#hub/controllers/machine/presence.ts'
import { decorateMachine } from '#hub/controllers/machine/decorate.ts'
import { createTaskController } from '#hub/controllers/task/controller.ts'
import { createCredentials } from '#hub/credentials/open.ts'
import { openSealingKey } from '#hub/credentials/key.ts'
import { credentialKindOptions } from '#hub/credentials/kind-options.ts'
import { createVault } from '#hub/credentials/vault.ts'
import { createGateway } from '#hub/gateway/create.ts'
import type { Gateway } from '#hub/gateway/types.ts'
import { createMetrics } from '#hub/observability/metrics.ts'
import { createReadiness } from '#hub/observability/readiness.ts'
import { openPki } from '#hub/pki/open.ts'
import { createResources } from '#hub/resources/create.ts'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import { createTunnels } from '#hub/tunnel/create.ts'
import { createArtifacts } from '#hub/api/install/artifacts.ts'
import { createPerformers } from './agent-installer.ts'
import { createApiRoutes } from './api-routes.ts'
import type { Beginning } from './begin.ts'
import { observeFleet } from './observe-fleet.ts'
import { auditWriter, securityAudit } from './security-audit.ts'
import { storeReadiness } from './store-readiness.ts'
import { followWebCertificate } from './upkeep.ts'

export interface RunHubOptions {
  config: HubConfig
  version: string
  randomBytes(count: number): Uint8Array
  /** Whoever made it closes it afterwards. */
  beginning: Beginning
}

/** Resolves with the exit code after SIGTERM or SIGINT, or when the store can write no more. */
export async function runHub({ config, version, randomBytes, beginning: { log, opened, stopping } }: RunHubOptions): Promise<number> {
  const clock = systemClock
  const random = Math.random
  const cleanups: (() => void | Promise<void>)[] = []

  try {
    const { dataDir, store } = await opened
    const webFiles = config.tlsCert && config.tlsKey ? { cert: config.tlsCert, key: config.tlsKey } : undefined
    // A database without its keys is a half-restored hub: made-up keys would cut off every agent.
    const pki = await openPki({ dataDir, names: config.names, clock, webFiles, mustExist: store.list('Machine').items.length > 0 })
    const artifacts = await createArtifacts(config.artifactsDir)
    const installFacts = () => ({ publicUrl: config.agentUrl, web: pki.web, fleetPins: pki.pins, fleetCaPem: pki.fleetCaPem, version })
    const agentImage = config.agentImage ?? `moorline-agent:${version}`
    const sealingKey = await openSealingKey({ dataDir, randomBytes, mustExist: store.list('Credential').items.length > 0 })
    const vault = createVault(sealingKey, randomBytes)
    const definitions = kindDefinitions({
      ...{ randomBytes, installCommand: (token) => artifacts.installCommand(installFacts(), token) },
      ...credentialKindOptions(vault),
    })
    const resources = createResources({ store, definitions, clock, random })
    const credentials = createCredentials({ resources, vault })
    const auth = createAuth({ resources, clock, randomBytes, log })
    cleanups.push(() => auth.close())
    const metrics = createMetrics()
    const presence = createPresence(clock)
    const audit = auditWriter(store, clock, log)

    // The gateway's handlers need what needs the gateway; nothing calls them before it listens.
    let gateway: Gateway
    const identities = createIdentities({ resources, clock })
    cleanups.push(() => identities.close())
    const { machineName } = identities
    const enrollment = createEnrollment({
      resources,
      pki,
      clock,
      randomBytes,
      log,
      machineName,
      machineWithFingerprint: identities.machineWithFingerprint,
      natsUserJwt: (agentId, key) => gateway.natsUserJwt(agentId, key),
      audit,
    })
    const sessions = createAgentSessions({
      resources,
      store,
      presence,
      machineName,
      taskSigningKeys: () => pki.taskSigner.publicKeys,
      clock,
      log,
      onEvents(count, seconds) {
        metrics.eventsCommitted(count)
        metrics.eventBatchSeconds(seconds)
      },
      audit,
    })
    const tunnels = createTunnels({
      gateway: {
        requestTunnel: (agentId, request) => gateway.requestTunnel(agentId, request),
        isAllowed: (agentId, serial) => identities.isAllowed(agentId, serial),
      },
      // What opens tunnels for users decides about them; a machine of this fleet is what every one of them needs.
      authorise: ({ agentId }) =>
        machineName(agentId) === undefined ? { ok: false, reason: 'it is no machine of this hub' } : { ok: true },
      ...{ randomBytes, clock, log },
    })
    const isAlive = (agentId: string) => presence.isAlive(presence.get(agentId))
    const registered = createRegisteredRoutes({
      ...{ resources, tunnels },
      isAlive,
    })
    cleanups.push(() => registered.close())
    const imported = createImportedRoutes({ credentials, clock })
    const clusterRoutes = createClusterRoutes({ registered: registered.routeOf, imported })
    const clusterClient = createClusterClient({ clock })
    const apiRoutes = createApiRoutes({
      ...{ resources, store, auth, clock, log, routes: clusterRoutes, client: clusterClient, tunnels, isAlive },
      ...{ publicUrl: config.publicUrl, facts: installFacts, artifacts, agentImage },
    })
    cleanups.push(() => apiRoutes.close())
    const probe = createAdmission({ resources, credentials, vault, clock })
    const api = await createApi({
      resources,
      store,
      auth,
      log,
      clock,
      tls: { key: pki.web.key, cert: pki.web.cert },
      version,
      admit: async (object, old, by) => withRequester(await probe(object, old), old, by.name),
      decorate: (object) => (object.kind === 'Machine' ? decorateMachine(object as Machine, presence) : object),
      readiness: createReadiness({ gateway: () => gateway.readiness(), store: () => [storeReadiness(store)] }, clock),
      metrics,
      staticDir: config.webDir,
      ...{ routes: apiRoutes.routes, upgrades: apiRoutes.upgrades },
    })
    cleanups.push(() => api.close())
    gateway = await createGateway({
      pki,
      dataDir,
      natsUrl: config.natsUrl,
      natsServerBinary: config.natsServer,
      clock,
      random,
      log,
      handshakesPerSecond: config.handshakesPerSecond,
      artifacts: (name) => artifacts.path(name),
      onWebSocket: (socket) => api.acceptSocket(socket),
      onTunnelSocket: (socket, peer) => tunnels.accept(socket, peer),
      handlers: {
        enroll: enrollment.enroll,
        renew: enrollment.renew,
        isAllowed: identities.isAllowed,
        onCertificateUsed: (agentId, serial) =>
          void enrollment
            .onCertificateUsed(agentId, serial)
            .catch((error: unknown) => log.error({ agentId, err: error }, 'the use of a new certificate could not be recorded')),
        hello: sessions.hello,
        heartbeat: sessions.heartbeat,
        events: sessions.events,
        onDisconnect: (agentId) => presence.gone(agentId),
        onSecurityEvent: securityAudit(audit, clock),
      },
    })
    cleanups.push(
      () => gateway.close(),
      // Side by side: what is open has ten seconds in all.
      async () => void (await Promise.all([tunnels.drain(), clusterClient.close()])),
      () => apiRoutes.drain(),
    )
    identities.whenLost((agentId) => {
      gateway.revoke(agentId).catch((error: unknown) => log.error({ agentId, err: error }, 'an identity could not be ended'))
    })
    observeFleet({ metrics, resources, presence, gateway, store, tunnels })

    const controllerDeps = { resources, clock, random, log }
    const performers = createPerformers({ ...controllerDeps, credentials, artifacts, facts: installFacts })
    const controllers = [
      createMachineController({ ...controllerDeps, presence, machineName, endIdentity: (agentId) => gateway.revoke(agentId) }),
      createTaskController({ ...controllerDeps, gateway, signer: pki.taskSigner, performed: { store, performers } }),
      createJoinTokenController(controllerDeps),
      createCredentialController({ ...controllerDeps, vault }),
      createClusterController({
        ...{ ...controllerDeps, machines: registered.machines, routes: clusterRoutes, client: clusterClient },
        ...{ window: config.kubernetesVersions, observeIntervalMs: config.observeIntervalMs },
      }),
    ]
    for (const controller of controllers) {
      cleanups.push(() => controller.stop())
      controller.start()
    }
    const upkeep = followWebCertificate({ pki, api, clock, log }, pki.web.cert)
    cleanups.push(() => upkeep.stop())
    const caPem = pki.web.isOperatorProvided ? undefined : pki.fleetCaPem
    const kubeconfig = await ensureAdmin({ dataDir, resources, auth, serverUrl: config.publicUrl, caPem })
    const { port } = await gateway.listen(config.listen)
    log.info({ host: config.listen.host, port, dataDir }, 'the hub is listening')
    process.stdout.write(`${JSON.stringify({ event: 'ready', url: config.publicUrl, host: config.listen.host, port, kubeconfig })}\n`)
    const code = await stopping
    log.info({}, 'the hub is stopping')
    return code
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  }
}
