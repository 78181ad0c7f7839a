// What the identity belongs to and where it is kept: the machine and its state directory, or, for an agent that runs as a pod, the
// cluster and a Secret of it.
import type { AgentConfig } from '#agent/config/config.ts'
import type { AgentPolicy } from '#agent/config/policy.ts'
import { type IdentityStore, openIdentityStore } from '#agent/enroll/identity-store.ts'
import { machineFingerprint } from '#agent/facts/fingerprint.ts'
import type { Host } from '#agent/host/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'

export interface Home {
  store: IdentityStore
  /** In Hello and in the request to join. */
  fingerprint: string
  /** File of the journal for this identity; a pod's state directory may have seen another one. */
  journalOf(agentId: string): string
  close(): void
}

export interface HomeOptions {
  config: AgentConfig
  policy: Pick<AgentPolicy, 'kubernetes'>
  host: Host
  clock: Clock
  random: () => number
  log: Log
  onTaken(error: AgentError): void
}

/** @throws AgentError ConfigInvalid, IdentitySecretUnavailable */
export async function openHome(options: HomeOptions): Promise<Home> {
  const { config, policy, host, clock } = options
  if (!config.identitySecret)
    return {
      store: openIdentityStore(config.stateDir),
      fingerprint: await machineFingerprint({ host }),
      journalOf: () => 'journal.db',
      close: () => {},
    }
  const kubernetes = policy.kubernetes()
  if (!kubernetes)
    throw new AgentError('ConfigInvalid', '--identity-secret: needs the part "kubernetes" of the policy, which says with whose credentials')
  // HTTP and YAML are for agents that lead to a cluster only.
  const [{ createCredentials }, { createKubeApi }, { openIdentitySecret }, { clusterFingerprint }] = await Promise.all([
    import('#agent/kube/credentials.ts'),
    import('#agent/kube/api.ts'),
    import('#agent/enroll/identity-secret.ts'),
    import('#agent/facts/cluster-fingerprint.ts'),
  ])
  const credentials = createCredentials({ policy: kubernetes, readText: host.readText, environment: host.environment(), clock })
  const api = createKubeApi({ credentials, clock })
  try {
    const secret = config.identitySecret
    const fingerprint = await clusterFingerprint(api, secret.namespace).catch((error: unknown) => {
      throw new AgentError('IdentitySecretUnavailable', `which cluster this is cannot be read: ${messageOf(error)}`, error)
    })
    const store = await openIdentitySecret({ ...options, stateDir: config.stateDir, secret, api })
    return { store, fingerprint, journalOf: (agentId) => `journal-${agentId}.db`, close: () => api.close() }
  } catch (error) {
    api.close()
    throw error
  }
}
