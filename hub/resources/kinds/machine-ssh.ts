// Rules of a Machine's spec.ssh: where it leads, and with which Credentials.
import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { DialProxy, Machine } from '#shared/contract/machine.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import type { Task } from '#shared/contract/task.ts'
import type { FieldCause, Look } from '../types.ts'
import { credentialReference } from './credential.ts'
import { badValue, forbidden } from './rules.ts'

const namePattern = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$/

export function checkSsh(machine: Machine, old: Machine | undefined, look: Look): FieldCause[] {
  const { ssh, clusterRef: cluster } = machine.spec
  const before = old?.spec.ssh
  const isSame = isDeepStrictEqual(ssh, before)
  // Objects of deleted Credentials can still be edited.
  if (isSame) return []
  const task = installing(old, look)
  if (task) return [forbidden('spec.ssh', `may not be changed while task ${task} installs the agent; cancel it first`)]
  if (!ssh) return []
  const causes: FieldCause[] = []
  if (isIP(ssh.host) === 0 && !namePattern.test(ssh.host))
    causes.push(badValue('spec.ssh.host', ssh.host, 'must be an IP address or a DNS name'))
  causes.push(
    ...credentialReference(look, 'spec.ssh.credentialRef', {
      name: ssh.credentialRef,
      types: ['Password', 'SSHKey'],
      ...(cluster && { cluster }),
    }),
  )
  for (const field of ['proxy', 'agentProxy'] as const) causes.push(...checkProxy(`spec.ssh.${field}`, ssh[field], cluster, look))
  return causes
}

function checkProxy(field: string, proxy: DialProxy | undefined, cluster: string | undefined, look: Look): FieldCause[] {
  if (!proxy) return []
  const { url, credentialRef: name } = proxy
  const use = { types: ['Password'] as const, ...(cluster && { cluster }) }
  return [
    ...(name === undefined ? [] : credentialReference(look, `${field}.credentialRef`, { name, ...use })),
    ...(/^(socks5|http):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(url)
      ? []
      : [badValue(`${field}.url`, url, 'must be socks5://host:port or http://host:port')]),
  ]
}

/** Name of the task that is at it. */
function installing(machine: Machine | undefined, look: Look): string | undefined {
  const task = look.get('Task', machine?.status?.ssh?.task ?? '') as Task | undefined
  return task?.status && !isTerminal(task.status.state) ? task.metadata.name : undefined
}
