// The one table of who may do what. A role includes the roles before it only because the lines below say so.
import type { RoleName } from '#shared/contract/access.ts'
import type { Rule } from './types.ts'

const everyone: readonly RoleName[] = ['viewer', 'operator', 'admin']
const operators: readonly RoleName[] = ['operator', 'admin']
const admins: readonly RoleName[] = ['admin']

const read = ['get', 'list', 'watch'] as const
const write = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const

/** Kinds that describe the fleet: readable by all roles, written by operators. A Credential shows what it is for and when it ends, no secret. */
const fleetKinds = ['Cluster', 'Machine', 'JoinToken', 'Task', 'Credential'] as const

export const rules: readonly Rule[] = [
  { verbs: read, kinds: fleetKinds, roles: everyone },
  { verbs: write, kinds: fleetKinds, roles: operators },
  { verbs: ['get'], kinds: ['Task'], subresource: 'log', roles: everyone },
  { verbs: ['create'], kinds: ['Task'], subresource: 'cancel', roles: operators },
  // A join token for one agent; an operator may make any.
  { verbs: ['create'], kinds: ['Cluster'], subresource: 'registration', roles: operators },
  // A terminal is whoever the machine's policy names, usually root: that is more than any task of an operator. Admins of one cluster have
  // it on the machines of that cluster.
  { verbs: ['create'], kinds: ['Machine'], subresource: 'exec', roles: admins },
  // What it may do there is the cluster's own decision, by the group of the user's highest role for it.
  { verbs: ['get'], kinds: ['Cluster'], subresource: 'proxy', roles: everyone },
  { verbs: ['get'], kinds: ['Cluster'], subresource: 'kubeconfig', roles: everyone },
  // The manifest that binds the hub's groups in an imported cluster; nothing in it is secret.
  { verbs: ['get'], kinds: ['Cluster'], subresource: 'rights', roles: everyone },
  // A status is what the hub has seen. Writing one by hand is for repairs.
  { verbs: ['get'], kinds: ['*'], subresource: 'status', roles: everyone },
  { verbs: ['update', 'patch'], kinds: ['*'], subresource: 'status', roles: admins },
  // Whoever can write these can become anybody.
  { verbs: [...read, ...write], kinds: ['*'], roles: admins },
  // Nouns of the hub itself.
  { verbs: ['get'], kinds: ['Metrics'], roles: everyone },
  { verbs: ['get'], kinds: ['AuditEvent'], roles: admins },
  { verbs: ['create'], kinds: ['LoginLink'], roles: admins },
]

/** A status is as secret as its object: the wildcard line for `get status` holds only for kinds that the role may read. */
const readableByAll: ReadonlySet<string> = new Set(fleetKinds)

/** Roles that may do it somewhere; an empty list means nobody. */
export function rolesThatMay(verb: string, kind: string, subresource?: string): readonly RoleName[] {
  const found = new Set<RoleName>()
  for (const rule of rules) {
    if (rule.subresource !== subresource || !rule.verbs.includes(verb)) continue
    if (!rule.kinds.includes(kind) && !(rule.kinds.includes('*') && !ownNouns.has(kind))) continue
    for (const role of rule.roles) {
      if (rule.kinds.includes('*') && role !== 'admin' && !readableByAll.has(kind)) continue
      found.add(role)
    }
  }
  return [...found]
}

/** Not resource kinds, so the wildcard does not mean them. */
export const ownNouns: ReadonlySet<string> = new Set(['Metrics', 'AuditEvent', 'LoginLink'])
