// `moorline-agent status`: identity, planes, backlog and last error, from the state directory; asks nobody.
import { parseFlags } from '#agent/cli/flags.ts'
import { readStatus } from '#agent/cli/status-file.ts'
import { type Command, exitCodes } from '#agent/cli/types.ts'
import { readConfig } from '#agent/config/config.ts'
import { groupsOfFour } from '#agent/enroll/csr.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import { publicHalf } from '#agent/enroll/keys.ts'
import { readPendingToken } from '#agent/enroll/pending.ts'

const usage = `Usage: moorline-agent status [-o json] [--live] [--state-dir DIR]

Exit code: 0 connected, 1 not connected or not enrolled.
With --live, for a liveness probe: 0 unless an agent that ran has stopped to report; being without a hub is no reason to start again.
`

/** A status older than this belongs to a process that is gone or stuck. */
const freshMs = 90_000

export const command: Command = async ({ argv, env, clock, stdout }) => {
  const flags = parseFlags('status', argv, { output: { type: 'string', short: 'o' }, live: { type: 'boolean' } })
  if (flags.help) {
    stdout.write(usage)
    return exitCodes.ok
  }
  const { stateDir } = readConfig(flags, env)
  if (flags.live) {
    const written = readStatus(stateDir)?.updatedAt
    return written === undefined || clock.now().getTime() - Date.parse(written) < freshMs ? exitCodes.ok : exitCodes.failed
  }
  const store = openIdentityStore(stateDir)
  const identity = store.current()
  const keys = identity ? { privateKey: identity.key, natsSeed: identity.natsSeed } : store.askedKeys()
  // What an operator compares before approving; also while nobody runs.
  const fingerprint = keys && groupsOfFour(publicHalf(keys).keyHash)
  const status = readStatus(stateDir)
  const isFresh = status !== undefined && clock.now().getTime() - Date.parse(status.updatedAt) < freshMs
  const enrollment = identity ? 'Enrolled' : readPendingToken(stateDir) === undefined ? 'NotEnrolled' : 'Pending'
  const isConnected = isFresh && status.phase === 'up'
  if (flags.output === 'json') {
    stdout.write(`${JSON.stringify({ enrollment, fingerprint, isRunning: isFresh, isConnected, ...status }, undefined, 2)}\n`)
  } else {
    const lines: [string, string][] = [
      ['enrollment', identity ? `${enrollment} as ${identity.machineName}, until ${identity.notAfter.toISOString()}` : enrollment],
      ['service', isFresh ? `running, pid ${status.pid}, link ${status.phase}` : 'not running'],
    ]
    if (fingerprint) lines.splice(1, 0, ['fingerprint', fingerprint])
    if (status) {
      lines.push(['hub', `${status.hub}, proxy ${status.proxy}`])
      for (const plane of status.planes)
        lines.push([plane.name, plane.ok ? `ok, ${(plane.roundTripUs / 1000).toFixed(1)} ms` : plane.reason])
      lines.push(['journal', `${status.journal.events} events (${status.journal.bytes} bytes) not yet at the hub`])
      lines.push(['policy', `${status.policy.allowedActions.join(', ') || 'nothing allowed'} (${status.policy.source})`])
      if (status.lastError) lines.push(['last error', `${status.lastError.at} ${status.lastError.code}: ${status.lastError.message}`])
    }
    for (const [name, value] of lines) stdout.write(`${name.padEnd(11)} ${value}\n`)
  }
  return isConnected ? exitCodes.ok : exitCodes.failed
}
