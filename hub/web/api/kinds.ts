// The kinds the pages know, by their plural in the API. Types only: no schema is shipped to the browser.
import type { AccessBinding, AccessToken } from '#shared/contract/access.ts'
import type { Cluster } from '#shared/contract/cluster.ts'
import type { Credential } from '#shared/contract/credential.ts'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'

export interface Kinds {
  clusters: Cluster
  machines: Machine
  tasks: Task
  jointokens: JoinToken
  credentials: Credential
  accesstokens: AccessToken
  accessbindings: AccessBinding
}
export type Plural = keyof Kinds

export const kindNames = {
  clusters: 'Cluster',
  machines: 'Machine',
  tasks: 'Task',
  jointokens: 'JoinToken',
  credentials: 'Credential',
  accesstokens: 'AccessToken',
  accessbindings: 'AccessBinding',
} as const satisfies Record<Plural, string>

export const apiVersion = 'moorline.dev/v1alpha1'
const base = `/apis/${apiVersion}`

/** Path of a kind, an object or one of its subresources; every part is encoded. */
export function apiPath(plural: Plural, ...parts: string[]): string {
  return [base, plural, ...parts.map(encodeURIComponent)].join('/')
}
