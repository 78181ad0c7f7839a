// The rights that a registration gives in the cluster. Least privilege, without wildcards and without Secrets but the agent's own.
//
// The agent acts as the hub's users by impersonation, in groups that are bound here. RBAC knows no prefixes: it can name the groups that
// may be impersonated, but not "users that begin with moorline:". So the agent may impersonate any user; agent/kube/impersonation.ts
// sends none but `moorline:NAME`. That is not more than the group moorline:admin, which is cluster-admin, gives anyway. Whoever takes
// that binding away should name the users in `resourceNames`, too: `moorline:hub` and the ones who are to work on this cluster.
import { allKubeGroups, kubeGroups } from '#shared/kubernetes/identity.ts'
import { agentName, type KubeObject, labels, namespace } from './names.ts'

const rbac = 'rbac.authorization.k8s.io/v1'
const read = ['get', 'list', 'watch']

interface Rule {
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
  verbs: string[]
}

const clusterRole = (name: string, rules: Rule[]): KubeObject => ({
  apiVersion: rbac,
  kind: 'ClusterRole',
  metadata: { name, labels },
  rules,
})

function bind(name: string, role: string, subjects: object[]): KubeObject {
  return {
    ...{ apiVersion: rbac, kind: 'ClusterRoleBinding', metadata: { name, labels } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects,
  }
}
const group = (name: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name })
const account = { kind: 'ServiceAccount', name: agentName, namespace }

/** What `view` and `edit` leave out because it belongs to no namespace; `kubectl get nodes` and `kubectl top` need it. */
const clusterScoped: Rule[] = [
  { apiGroups: [''], resources: ['nodes', 'persistentvolumes', 'componentstatuses'], verbs: read },
  { apiGroups: ['metrics.k8s.io'], resources: ['nodes', 'pods'], verbs: ['get', 'list'] },
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses', 'csidrivers', 'csinodes', 'volumeattachments'], verbs: read },
  { apiGroups: ['networking.k8s.io'], resources: ['ingressclasses'], verbs: read },
  { apiGroups: ['scheduling.k8s.io'], resources: ['priorityclasses'], verbs: read },
  { apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'], verbs: read },
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
  { apiGroups: ['apiregistration.k8s.io'], resources: ['apiservices'], verbs: read },
]

/** What the hub itself reads each minute. */
const observed: Rule[] = [
  { apiGroups: [''], resources: ['nodes', 'componentstatuses'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
  { apiGroups: ['metrics.k8s.io'], resources: ['nodes'], verbs: ['get', 'list'] },
  { nonResourceURLs: ['/version', '/healthz', '/readyz', '/readyz/*', '/livez', '/livez/*'], verbs: ['get'] },
]

/** Bindings of the hub's groups: who may do what in the cluster. An imported cluster needs these, too. */
export function groupRights(): KubeObject[] {
  return [
    clusterRole('moorline-cluster-scoped-view', clusterScoped),
    clusterRole('moorline-observe', observed),
    bind('moorline-view', 'view', [group(kubeGroups.view)]),
    bind('moorline-edit', 'edit', [group(kubeGroups.edit)]),
    bind('moorline-admin', 'cluster-admin', [group(kubeGroups.admin)]),
    bind('moorline-cluster-scoped-view', 'moorline-cluster-scoped-view', [group(kubeGroups.view), group(kubeGroups.edit)]),
    bind('moorline-observe', 'moorline-observe', [group(kubeGroups.observe)]),
  ]
}

const impersonation: Rule[] = [
  { apiGroups: [''], resources: ['users'], verbs: ['impersonate'] },
  { apiGroups: [''], resources: ['groups'], resourceNames: [...allKubeGroups], verbs: ['impersonate'] },
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
]

/** For the account of an imported cluster's credential, which is bound to it by whoever made it; an admin's needs nothing more. */
export function impersonatorRole(): KubeObject {
  return clusterRole('moorline-impersonator', impersonation)
}

/** Of the agent's service account. `identitySecret` is the one Secret that it may read and write. */
export function agentRights(identitySecret: string): KubeObject[] {
  return [
    clusterRole(agentName, impersonation),
    bind(agentName, agentName, [account]),
    {
      ...{ apiVersion: rbac, kind: 'Role', metadata: { name: agentName, namespace, labels } },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: [identitySecret], verbs: ['get', 'update'] }],
    },
    {
      ...{ apiVersion: rbac, kind: 'RoleBinding', metadata: { name: agentName, namespace, labels } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: agentName },
      subjects: [account],
    },
  ]
}
