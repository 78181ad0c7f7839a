// What an agent that runs as a pod is: not the node that it happens to be on, but the cluster and the namespace that it was put into.
import { createHash } from 'node:crypto'
import Type from 'typebox'
import Value from 'typebox/value'
import type { KubeApi } from '#agent/kube/api.ts'

const Namespace = Type.Object({ metadata: Type.Object({ uid: Type.String({ minLength: 1, maxLength: 64 }) }) })

/**
 * SHA-256 (hex) over the UID of kube-system and the agent's namespace: rescheduled to another node it is the same agent, in another
 * cluster it is a copy.
 * @throws KubeApiError
 */
export async function clusterFingerprint(api: Pick<KubeApi, 'get'>, namespace: string): Promise<string> {
  const found = await api.get('/api/v1/namespaces/kube-system')
  if (!Value.Check(Namespace, found)) throw new Error('the API server answers without a UID for the namespace kube-system')
  const lines = ['moorline-fingerprint-pod-1', `kube-system ${found.metadata.uid}`, `namespace ${namespace}`]
  return createHash('sha256')
    .update(`${lines.join('\n')}\n`)
    .digest('hex')
}
