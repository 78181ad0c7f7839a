// What the hub answers to an agent's hello, heartbeat and events. Judges clones; writes no condition itself.
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { tunnelTargetPattern, tunnelTargetsMost } from '#shared/contract/tunnel.ts'
import type { Log } from '#shared/log/log.ts'
import { type EventBatch, EventAck, type Heartbeat, HeartbeatAck, type Hello, HelloReply } from '#proto/moorline/v1/control.ts'
import { acceptFingerprintAnnotation, isOtherMachine } from '#hub/controllers/enrollment/fingerprint.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { Store } from '#hub/store/types.ts'
import type { Presence } from './presence.ts'

export interface AgentSessions {
  hello(agentId: string, hello: Hello, peer: { address: string }): Promise<HelloReply>
  heartbeat(agentId: string, heartbeat: Heartbeat): Promise<HeartbeatAck>
  events(agentId: string, batch: EventBatch): Promise<EventAck>
}

export interface AgentSessionsDeps {
  resources: Resources
  store: Store
  presence: Presence
  machineName(agentId: string): string | undefined
  taskSigningKeys(): Buffer[]
  clock: Clock
  log: Log
  /** After each committed batch: events in it, seconds until it was durable. */
  onEvents(count: number, seconds: number): void
  audit(entry: { verb: string; name: string; decision: 'deny'; result: string; remoteAddress: string; detail: string }): Promise<void>
}

/** A copy that asks again and again is written into the audit log this often. */
const cloneAuditMs = 10 * 60_000

export function createAgentSessions(deps: AgentSessionsDeps): AgentSessions {
  const { resources, store, presence, clock, log } = deps
  const committed = new Map<string, bigint>()
  const clones = new Map<string, { fingerprint: string; atMs: number }>()

  async function adoptFingerprint(machine: Machine, fingerprint: string): Promise<void> {
    await resources.modify<Machine>(
      'Machine',
      machine.metadata.name,
      (current) =>
        current.status?.machineFingerprint === fingerprint
          ? undefined
          : { ...current, status: { ...current.status, machineFingerprint: fingerprint } },
      { subresource: 'status' },
    )
  }

  function refuse(agentId: string, hello: Hello, address: string, reason: string, message: string): HelloReply {
    log.warn({ agentId, address, reason }, 'a hello was refused')
    // While its rightful agent is there, the machine stays connected and a clone is said beside it.
    if (!presence.isAlive(presence.get(agentId))) presence.hello({ ...sessionOf(agentId, hello, address), refusal: { reason, message } })
    else if (reason === 'IdentityCloned') presence.cloned(agentId, message)
    return HelloReply.fromPartial({ accepted: false, reason, message, serverTime: clock.now() })
  }

  /** Resolves when it is written; a copy is refused even when it cannot be. */
  async function auditClone(agentId: string, machine: Machine, fingerprint: string, address: string, detail: string): Promise<void> {
    const nowMs = clock.monotonicMs()
    const last = clones.get(agentId)
    if (last && last.fingerprint === fingerprint && nowMs - last.atMs < cloneAuditMs) return
    clones.set(agentId, { fingerprint, atMs: nowMs })
    const row = {
      verb: 'hello',
      name: machine.metadata.name,
      decision: 'deny',
      result: 'IdentityCloned',
      remoteAddress: address,
      detail,
    } as const
    await deps.audit(row).catch(() => clones.delete(agentId))
  }

  return {
    async hello(agentId, hello, { address }) {
      const machine = resources.get<Machine>('Machine', deps.machineName(agentId) ?? '')
      if (!machine)
        return HelloReply.fromPartial({
          accepted: false,
          reason: 'UnknownIdentity',
          message: 'this identity belongs to no machine',
          serverTime: clock.now(),
        })
      const problem = checkHello(hello)
      if (problem) return refuse(agentId, hello, address, 'InvalidHello', problem)
      if (hello.protocolVersion > limits.protocolVersion)
        return refuse(
          agentId,
          hello,
          address,
          'ProtocolTooNew',
          `the agent speaks protocol ${hello.protocolVersion}, this hub ${limits.protocolVersion}; upgrade the hub`,
        )
      const known = machine.status?.machineFingerprint
      if (isOtherMachine(machine, hello.machineFingerprint)) {
        const message =
          `a machine with the fingerprint ${hello.machineFingerprint} at ${address} used the identity of ${machine.metadata.name} (${known}); ` +
          `remove its agent state and enrol it anew, or, if this is the same machine with new hardware, annotate it with ${acceptFingerprintAnnotation}=${hello.machineFingerprint}`
        await auditClone(agentId, machine, hello.machineFingerprint, address, message)
        return refuse(agentId, hello, address, 'IdentityCloned', message)
      }
      if (known !== hello.machineFingerprint) await adoptFingerprint(machine, hello.machineFingerprint)
      const sequence = BigInt(await store.committedSequence(agentId))
      committed.set(agentId, sequence)
      presence.hello(sessionOf(agentId, hello, address))
      return HelloReply.fromPartial({
        accepted: true,
        committedSequence: sequence,
        serverTime: clock.now(),
        heartbeatIntervalMs: limits.heartbeatIntervalMs,
        taskSigningKeys: deps.taskSigningKeys(),
      })
    },
    async heartbeat(agentId, heartbeat) {
      const planes = heartbeat.planes.slice(0, 8).map((plane) => ({
        name: plane.name.slice(0, 32),
        ok: plane.ok,
        ...(plane.reason && { reason: plane.reason.slice(0, 512) }),
        ...(plane.roundTripUs > 0 && { roundTripMicroseconds: plane.roundTripUs }),
      }))
      const known = presence.heartbeat(agentId, planes, heartbeat.runningTasks)
      if (!known) committed.delete(agentId)
      return HeartbeatAck.fromPartial({ counter: heartbeat.counter, committedSequence: committed.get(agentId) ?? 0n, known })
    },
    async events(agentId, batch) {
      if (presence.get(agentId)?.refusal)
        return EventAck.fromPartial({ refused: 'NotAllowed', message: 'this session was refused at hello' })
      if (batch.events.length > limits.eventBatchCount)
        return EventAck.fromPartial({ refused: 'Invalid', message: `a batch has at most ${limits.eventBatchCount} events` })
      const startMs = clock.monotonicMs()
      const result = await store.applyEvents(agentId, batch.events)
      const sequence = BigInt(result.committedSequence)
      committed.set(agentId, sequence)
      deps.onEvents(batch.events.length, (clock.monotonicMs() - startMs) / 1000)
      return EventAck.fromPartial({ committedSequence: sequence, refused: result.refused ?? '', message: result.message ?? '' })
    },
  }
}

function sessionOf(agentId: string, hello: Hello, address: string) {
  return {
    agentId,
    sessionId: hello.sessionId.slice(0, 64),
    bootId: hello.bootId.slice(0, 64),
    agentVersion: hello.agentVersion.slice(0, 64),
    allowedActions: hello.allowedActions.slice(0, 64).map((action) => action.slice(0, 64)),
    tunnelTargets: hello.tunnelTargets.filter((name) => tunnelTargetPattern.test(name)).slice(0, tunnelTargetsMost),
    address,
  }
}

function checkHello(hello: Hello): string | undefined {
  if (!/^[0-9a-f]{64}$/.test(hello.machineFingerprint)) return 'machine_fingerprint is not a SHA-256 in hex'
  if (hello.bootId.length > 64 || hello.sessionId.length > 64 || hello.agentVersion.length > 64)
    return 'boot_id, session_id or agent_version is over 64 characters'
  return undefined
}
