// Names of what a registration makes in the cluster.

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> }
  [field: string]: unknown
}

export const namespace = 'moorline-system'
export const agentName = 'moorline-agent'
export const joinSecret = 'moorline-agent-join'
export const identitySecret = 'moorline-agent-identity'
export const policyConfigMap = 'moorline-agent-policy'
export const labels = { 'app.kubernetes.io/name': agentName, 'app.kubernetes.io/managed-by': 'moorline' }
