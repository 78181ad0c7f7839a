// Whether a terminal can be opened on a machine by this user, and when not: why, and what would change it.
import type { Machine } from '#shared/contract/machine.ts'
import { terminalTarget } from '#shared/contract/tunnel.ts'

export interface TerminalAccess {
  isPossible: boolean
  why: string
  /** A policy to show as an example. */
  policy?: string
}

export function terminalAccess(machine: Machine, isAdmin: boolean): TerminalAccess {
  const { spec, status } = machine
  const no = (why: string, policy?: string): TerminalAccess => ({ isPossible: false, why, policy })
  if (spec.revoked === true || status?.phase === 'Denied') return no('The identity of this machine has ended.')
  if (spec.approved !== true || status?.agentId === undefined) return no('The machine has not joined yet.')
  if (!isAdmin)
    return no('Terminals are for admins: ask one for an AccessBinding with the role admin, for this machine’s cluster or everywhere.')
  if (status.tunnelTargets?.includes(terminalTarget) !== true)
    return no(
      'The machine’s own policy does not allow terminals. Whoever owns it adds this to /etc/moorline/agent-policy.json there and restarts the agent:',
      '{ "terminal": { "user": "root" } }',
    )
  const connected = status.conditions?.find(({ type }) => type === 'Connected')
  if (connected?.status !== 'True') return no('The machine is not connected; its conditions say why.')
  return { isPossible: true, why: '' }
}
