// What the import form asks for, as Credentials and a Cluster. Pure.
import type { ClusterSpec } from '#shared/contract/cluster.ts'
import type { CredentialSpec } from '#shared/contract/credential.ts'
import type { DialProxy } from '#shared/contract/machine.ts'

export interface ProxyChoice {
  proxyUrl: string
  proxyUser: string
  proxyPassword: string
}
export const noProxy: ProxyChoice = { proxyUrl: '', proxyUser: '', proxyPassword: '' }

export interface ImportChoice extends ProxyChoice {
  displayName: string
  by: 'kubeconfig' | 'token'
  kubeconfig: string
  apiServer: string
  certificateAuthority: string
  token: string
}
export const emptyImport: ImportChoice = {
  ...noProxy,
  displayName: '',
  by: 'kubeconfig',
  kubeconfig: '',
  apiServer: '',
  certificateAuthority: '',
  token: '',
}

export type ImportField = 'name' | Exclude<keyof ImportChoice, 'by'>

/** Fields of the Cluster and of its Credentials, by the field of the form they come from. */
export function clusterPlaces(by: ImportChoice['by']): Readonly<Record<string, ImportField>> {
  return {
    'metadata.name': 'name',
    'spec.displayName': 'displayName',
    'spec.apiServer': by === 'token' ? 'apiServer' : 'kubeconfig',
    'spec.certificateAuthority': by === 'token' ? 'certificateAuthority' : 'kubeconfig',
    'spec.credentialRef': by === 'token' ? 'token' : 'kubeconfig',
    'spec.proxy': 'proxyUrl',
    'spec.proxy.credentialRef': 'proxyPassword',
  }
}
export const credentialPlaces = { 'spec.data.kubeconfig': 'kubeconfig', 'spec.data.token': 'token', 'spec.data': 'kubeconfig' } as const
export const proxyPlaces = {
  'spec.data.username': 'proxyUser',
  'spec.data.password': 'proxyPassword',
  'spec.data': 'proxyPassword',
} as const

export function proxyProblem({ proxyUrl, proxyUser, proxyPassword }: ProxyChoice): string | undefined {
  if (proxyUrl === '') return proxyUser || proxyPassword ? 'Give the address of the proxy, or empty user and password.' : undefined
  if (proxyUrl.includes('@')) return 'User and password go into their own fields, not into the address.'
  return /^(socks5|http):\/\/[^/@\s]+$/.test(proxyUrl) ? undefined : 'Write socks5://host:port or http://host:port.'
}

export function proxyCredential({ proxyUser, proxyPassword }: ProxyChoice, description: string): CredentialSpec | undefined {
  if (proxyPassword === '' && proxyUser === '') return undefined
  return {
    type: 'Password',
    description,
    data: { ...(proxyUser && { username: proxyUser }), ...(proxyPassword && { password: proxyPassword }) },
  }
}

export function dialProxy({ proxyUrl }: ProxyChoice, credentialRef: string | undefined): DialProxy | undefined {
  return proxyUrl === '' ? undefined : { url: proxyUrl, ...(credentialRef && { credentialRef }) }
}

/** What is wrong before the hub is asked; the hub has the last word. */
export function importProblems(choice: ImportChoice): Partial<Record<ImportField, string>> {
  const problems: Partial<Record<ImportField, string>> = {}
  const { by, kubeconfig, apiServer, certificateAuthority } = choice
  if (by === 'kubeconfig' && kubeconfig !== '' && !/^\s*(\{|[\s\S]*\bclusters\s*:)/.test(kubeconfig))
    problems.kubeconfig = 'This is not a kubeconfig: it has no “clusters”.'
  if (by === 'token' && apiServer !== '' && !/^https:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(apiServer))
    problems.apiServer = 'Write https://host:port.'
  if (by === 'token' && certificateAuthority !== '' && !certificateAuthority.includes('-----BEGIN CERTIFICATE-----'))
    problems.certificateAuthority = 'Paste the certificate as PEM, from -----BEGIN CERTIFICATE----- on.'
  const proxy = proxyProblem(choice)
  if (proxy) problems.proxyUrl = proxy
  return problems
}

export function isImportComplete(choice: ImportChoice): boolean {
  const has = choice.by === 'kubeconfig' ? choice.kubeconfig.trim() !== '' : choice.apiServer !== '' && choice.token.trim() !== ''
  return has && Object.keys(importProblems(choice)).length === 0
}

export function importCredential(choice: ImportChoice, description: string): CredentialSpec {
  return choice.by === 'kubeconfig'
    ? { type: 'Kubeconfig', description, data: { kubeconfig: choice.kubeconfig } }
    : { type: 'Token', description, data: { token: choice.token.trim() } }
}

export function importSpec(choice: ImportChoice, credentialRef: string, proxyRef: string | undefined): ClusterSpec {
  const proxy = dialProxy(choice, proxyRef)
  return {
    type: 'Imported',
    ...(choice.displayName && { displayName: choice.displayName }),
    ...(choice.by === 'token' && { apiServer: choice.apiServer }),
    ...(choice.by === 'token' && choice.certificateAuthority && { certificateAuthority: choice.certificateAuthority }),
    credentialRef,
    ...(proxy && { proxy }),
  }
}
