// The running agent: wires host, journal, actions, runner, pump, link and renewals, and takes them down in order.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createActions } from '#agent/actions/create.ts'
import { type AgentStatus, writeStatus } from '#agent/cli/status-file.ts'
import { type AgentConfig, type Environment, shownNoProxy } from '#agent/config/config.ts'
import type { AgentPolicy } from '#agent/config/policy.ts'
import { showProxy } from '#agent/config/proxy.ts'
import { groupsOfFour } from '#agent/enroll/csr.ts'
import { openHome } from '#agent/enroll/home.ts'
import { join as joinHub, watchForNewToken } from '#agent/enroll/join.ts'
import { createKeeper } from '#agent/enroll/keeper.ts'
import { publicHalf } from '#agent/enroll/keys.ts'
import { createRenewals } from '#agent/enroll/renew.ts'
import { createHost } from '#agent/host/create.ts'
import { createIdleMemory } from '#agent/idle-memory.ts'
import { openJournal } from '#agent/journal/open.ts'
import { createLink } from '#agent/link/link.ts'
import { startTunnel } from '#agent/tunnel/start.ts'
import { createPump } from '#agent/tasks/pump.ts'
import { createTaskRunner } from '#agent/tasks/runner.ts'
import { agentVersion } from '#agent/version.ts'
import { callWorker } from '#agent/worker/call.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'

export interface AgentOptions {
  config: AgentConfig
  policy: AgentPolicy
  env: Environment
  /** Program and first arguments that start this program again. */
  self: readonly string[]
  clock: Clock
  random: () => number
  /** Ends the agent: running actions stop, the journal is closed, within 5 s. */
  signal: AbortSignal
  log: Log
  pid: number
}

const drainMs = 5_000
const statusIntervalMs = 30_000

/**
 * Resolves when the signal has ended it, or with `again` when it has got another identity and must begin anew with it.
 * @throws OperatorError when it cannot start, AgentError IdentityInUse when another agent has taken its place
 */
export async function runAgent(options: AgentOptions): Promise<'stopped' | 'again'> {
  const { config, policy, env, self, clock, random, log, pid } = options
  const { stateDir, hub, proxy } = config
  if (!hub) throw new AgentError('NotEnrolled', 'no hub is configured')
  const host = createHost({ clock, environment: env })
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const home = await openHome({ config, policy, host, clock, random, log, onTaken: (error) => ending.abort(error) })
  const { store, fingerprint } = home
  const joining = { config, home, host, clock, random, signal, log }
  await joinHub(joining)
  const keeper = createKeeper(store, log)
  const { agentId } = keeper.current()
  const bootId = ((await host.readText('/proc/sys/kernel/random/boot_id')) ?? '').trim()
  const sessionId = randomUUID()

  const journal = openJournal({ path: join(stateDir, home.journalOf(agentId)), clock })
  const actions = createActions({
    ...{ host, stateDir, clock, log },
    preflight: async ({ input, onRow, signal: stop }) => callWorker({ host, self }, { kind: 'preflight', input }, { signal: stop, onRow }),
    facts: (stop) => callWorker({ host, self }, { kind: 'facts' }, { signal: stop }),
  })
  const link = createLink({
    ...{ hub, proxy, clock, random, log },
    identity: keeper.current,
    handlers: {
      onTask: (order) => runner.accept(order),
      onCancel: (order) => runner.cancel(order),
      onNotice: ({ kind, openTunnel }) => {
        if (kind === 'RenewIdentity') renewals.soon('the hub asked for it')
        else if (kind === 'SendHello') link.reconnect()
        else if (kind === 'OpenTunnel' && openTunnel) tunnel.onNotice(openTunnel)
        else log.info({ kind }, 'a notice that this agent does not know')
      },
    },
    hello: () => ({
      protocolVersion: limits.protocolVersion,
      agentVersion,
      bootId,
      machineFingerprint: fingerprint,
      sessionId,
      lastSequence: journal.lastSequence(),
      allowedActions: policy.allowedActions(),
      tunnelTargets: policy.targetNames(),
      certificateSerial: keeper.current().serial,
    }),
    status: () => ({ lastSequence: journal.lastSequence(), runningTasks: runner.running() }),
    onIdentityUsed: (identity, { taskSigningKeys }) => {
      keeper.used(identity)
      // Signing keys are believed only with an identity, which comes from the hub itself; what arrives over NATS is a hint to fetch one.
      const held = identity.taskSigningKeys
      if (taskSigningKeys.some((key) => !held.some((own) => own.equals(key)))) renewals.soon('the hub signs tasks with another key')
    },
    // The next attempt asks for the identity again, after its delay: two refused generations do not make a tight loop.
    onIdentityRefused: (identity) => void keeper.refused(identity),
  })
  const tunnel = startTunnel({
    ...{ policy, host, stateDir, hub, proxy, clock, log },
    identity: keeper.current,
    onPlane: (state) => link.reportPlane('tunnel', state),
  })
  const runner = createTaskRunner({
    ...{ journal, actions, policy, agentId, clock, log },
    signingKeys: () => keeper.current().taskSigningKeys,
    hubTime: link.hubTime,
  })
  const pump = createPump({ journal, send: link.sendEvents, clock, random, log })
  const renewals = createRenewals({
    ...{ store, keeper, clock, random, log },
    procedures: link.procedures,
    machineFingerprint: fingerprint,
    hubTime: link.hubTime,
    onRenewed: link.reconnect,
  })

  const report = () => {
    const { phase, planes, lastError } = link.state()
    const { machineName, serial, generation, notAfter } = keeper.current()
    const keyHash = publicHalf({ privateKey: keeper.current().key, natsSeed: keeper.current().natsSeed }).keyHash
    const status: AgentStatus = {
      pid,
      version: agentVersion,
      updatedAt: clock.now().toISOString(),
      phase,
      hub: `${hub.host}:${hub.port}`,
      proxy: showProxy(proxy),
      noProxy: shownNoProxy(config),
      identity: { machineName, agentId, fingerprint: groupsOfFour(keyHash), serial, generation, notAfter: notAfter.toISOString() },
      planes,
      journal: {
        ...journal.stats(),
        lastSequence: String(journal.lastSequence()),
        acknowledgedSequence: String(journal.acknowledgedSequence()),
      },
      runningTasks: runner.running(),
      policy: { source: policy.source ?? 'default', allowedActions: policy.allowedActions() },
      ...(lastError ? { lastError: { ...lastError, at: lastError.at.toISOString() } } : {}),
    }
    try {
      writeStatus(stateDir, status)
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'status.json could not be written')
    }
  }
  const memory = createIdleMemory()
  const repeat = () => {
    report()
    memory.look(journal.lastSequence(), runner.running())
    statusTimer = clock.setTimer(statusIntervalMs, repeat, true)
  }
  let statusTimer = clock.setTimer(statusIntervalMs, repeat, true)

  let hasConnected = false
  const newToken = watchForNewToken({
    ...joining,
    hasConnected: () => hasConnected,
    onJoined: () => ending.abort(new Error('another identity is used from now on')),
  })
  link.onUp((committed) => {
    hasConnected = true
    pump.onUp(committed)
  })
  link.onDown(pump.onDown)
  link.onChange(report)
  log.info({ agentId, machine: keeper.current().machineName, version: agentVersion, policy: policy.source ?? 'default' }, 'agent: starting')
  runner.resume()
  link.start()
  renewals.start()

  await aborted(signal)
  log.info({ reason: messageOf(signal.reason) }, 'agent: stopping')
  newToken.stop()
  const drained = Promise.all([runner.stop(), renewals.stop(), tunnel.stop()])
    .then(() => pump.stop())
    .then(() => link.stop())
  await Promise.race([drained, new Promise<void>((resolve) => clock.setTimer(drainMs, resolve, true))])
  statusTimer.cancel()
  journal.close()
  report.call(undefined)
  home.close()
  if (options.signal.aborted) return 'stopped'
  if (ending.signal.reason instanceof AgentError) throw ending.signal.reason
  return 'again'
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
