// What the form for SSH asks for, as Credentials and a Machine; and how far its installation has come. Pure.
import type { CredentialSpec } from '#shared/contract/credential.ts'
import type { Machine, MachineSpec } from '#shared/contract/machine.ts'
import type { Condition } from '#shared/contract/meta.ts'
import type { Task } from '#shared/contract/task.ts'
import { dialProxy, noProxy, type ProxyChoice, proxyProblem } from './import.ts'
import type { Step } from './cluster.ts'
import { machinePhase } from './machine.ts'
import { nameProblem } from './names.ts'
import { taskState } from './task.ts'

/** The agent's own proxy, beside the one through which the hub dials. */
export interface AgentProxyChoice {
  agentProxyUrl: string
  agentProxyUser: string
  agentProxyPassword: string
}
export interface SshChoice extends ProxyChoice, AgentProxyChoice {
  /** Empty: made from the host. */
  name: string
  host: string
  port: string
  user: string
  by: 'key' | 'password' | 'existing'
  existing: string
  password: string
  privateKey: string
  passphrase: string
  sudoPassword: string
  clusterRef: string
  role: 'worker' | 'controlPlane'
}
export const emptySsh: SshChoice = {
  ...noProxy,
  ...{ agentProxyUrl: '', agentProxyUser: '', agentProxyPassword: '' },
  name: '',
  host: '',
  port: '22',
  user: 'root',
  by: 'key',
  existing: '',
  password: '',
  privateKey: '',
  passphrase: '',
  sudoPassword: '',
  clusterRef: '',
  role: 'worker',
}
/** As the fields of a proxy know it. */
export function agentProxyOf({ agentProxyUrl, agentProxyUser, agentProxyPassword }: AgentProxyChoice): ProxyChoice {
  return { proxyUrl: agentProxyUrl, proxyUser: agentProxyUser, proxyPassword: agentProxyPassword }
}

/** In its credentials only; a proxy asks for both or for none. */
export const agentProxyPlaces = {
  'spec.data.username': 'agentProxyUser',
  'spec.data.password': 'agentProxyPassword',
  'spec.data': 'agentProxyPassword',
} as const

export type SshField = Exclude<keyof SshChoice, 'by' | 'role'>

/** A host name is a name for the machine as it is; the colons of an IPv6 address are not. */
export function machineNameOf({ name, host }: Pick<SshChoice, 'name' | 'host'>): string {
  const edges = /^[^a-z0-9]+|[^a-z0-9]+$/g
  return (
    name ||
    host
      .toLowerCase()
      .replace(/[^a-z0-9.-]+/g, '-')
      .replace(edges, '')
  )
}

export function sshPlaces(by: SshChoice['by']): Readonly<Record<string, SshField>> {
  return {
    'metadata.name': 'name',
    'spec.clusterRef': 'clusterRef',
    'spec.ssh.host': 'host',
    'spec.ssh.port': 'port',
    'spec.ssh.user': 'user',
    'spec.ssh.credentialRef': by === 'existing' ? 'existing' : by === 'key' ? 'privateKey' : 'password',
    'spec.ssh.proxy': 'proxyUrl',
    'spec.ssh.proxy.credentialRef': 'proxyPassword',
    'spec.ssh.agentProxy': 'agentProxyUrl',
    'spec.ssh.agentProxy.credentialRef': 'agentProxyPassword',
    'spec.ssh': 'host',
  }
}
export function sshCredentialPlaces(by: SshChoice['by']): Readonly<Record<string, SshField>> {
  return {
    'spec.data.password': 'password',
    'spec.data.privateKey': 'privateKey',
    'spec.data.passphrase': 'passphrase',
    'spec.data.sudoPassword': 'sudoPassword',
    'spec.data': by === 'key' ? 'privateKey' : 'password',
  }
}

export function sshProblems(choice: SshChoice): Partial<Record<SshField, string>> {
  const problems: Partial<Record<SshField, string>> = {}
  const { host, port, user, privateKey, by } = choice
  const name = machineNameOf(choice)
  const named = name === '' ? undefined : nameProblem(name)
  if (named) problems.name = named
  if (/[\s/@]/.test(host)) problems.host = 'Only an address or a DNS name; port and user have fields of their own.'
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) problems.port = 'A number from 1 to 65535.'
  if (user !== '' && !/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(user)) problems.user = 'A user name as Linux writes it.'
  if (by === 'key' && privateKey !== '' && !privateKey.includes('PRIVATE KEY-----'))
    problems.privateKey = privateKey.startsWith('ssh-')
      ? 'This is the public key; the private one is in the file without .pub.'
      : 'Paste the whole file, from -----BEGIN on.'
  const proxy = proxyProblem(choice)
  if (proxy) problems.proxyUrl = proxy
  const agentProxy = proxyProblem(agentProxyOf(choice))
  if (agentProxy) problems.agentProxyUrl = agentProxy
  if (choice.agentProxyPassword !== '' && choice.agentProxyUser === '')
    problems.agentProxyUser = 'A proxy that asks for a password asks for a user, too.'
  return problems
}

export function isSshComplete(choice: SshChoice): boolean {
  const secret = choice.by === 'key' ? choice.privateKey : choice.by === 'password' ? choice.password : choice.existing
  return choice.host !== '' && secret.trim() !== '' && Object.keys(sshProblems(choice)).length === 0
}

export function sshCredential(choice: SshChoice): CredentialSpec | undefined {
  const description = `SSH to ${choice.host}`
  if (choice.by === 'existing') return undefined
  if (choice.by === 'password') return { type: 'Password', description, data: { password: choice.password } }
  const { privateKey, passphrase, sudoPassword } = choice
  return {
    type: 'SSHKey',
    description,
    // OpenSSH wants the last line ended, and pasting loses that.
    data: {
      privateKey: privateKey.endsWith('\n') ? privateKey : `${privateKey}\n`,
      ...(passphrase && { passphrase }),
      ...(sudoPassword && { sudoPassword }),
    },
  }
}

export interface SshCredentials {
  login: string
  proxy: string | undefined
  agentProxy: string | undefined
}

export function sshMachineSpec(choice: SshChoice, names: SshCredentials): MachineSpec {
  const proxy = dialProxy(choice, names.proxy)
  const agentProxy = dialProxy(agentProxyOf(choice), names.agentProxy)
  return {
    role: choice.role,
    ...(choice.clusterRef && { clusterRef: choice.clusterRef }),
    ssh: {
      host: choice.host,
      port: Number(choice.port),
      ...(choice.user && { user: choice.user }),
      credentialRef: names.login,
      ...(proxy && { proxy }),
      ...(agentProxy && { agentProxy }),
    },
  }
}

export function sshSteps(machine: Machine, task: Task | undefined): Step[] {
  const state = task && taskState(task)
  const isConnected = machinePhase(machine) === 'Connected'
  const isInstalled = isConnected || state === 'Succeeded'
  return [
    {
      id: 'reach',
      title: 'Reach the SSH server',
      doneTitle: 'SSH server reached',
      isDone: isInstalled || machine.status?.ssh?.hostKey !== undefined,
    },
    { id: 'install', title: 'Install the agent', doneTitle: 'Agent installed', isDone: isInstalled },
    { id: 'connect', title: 'Agent connects', doneTitle: 'Agent connected', isDone: isConnected },
  ]
}

/** Another host key than the remembered one: said by the machine's conditions or by how the installation ended. */
export function hostKeyTrouble(machine: Machine, task: Task | undefined): string | undefined {
  const isAboutKey = ({ type, reason, status }: Condition) =>
    (type === 'HostKeyChanged' && status === 'True') || (reason === 'HostKeyChanged' && status !== 'True')
  const condition = machine.status?.conditions?.find(isAboutKey)
  if (condition) return condition.message
  return task?.status?.reason === 'HostKeyChanged' ? (task.status.message ?? 'The server showed another host key.') : undefined
}
