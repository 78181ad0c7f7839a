// The smallest question to a cluster: does a Kubernetes API answer, in which version, and which cluster is it.
import Type from 'typebox'
import { plainLine } from '#shared/schema/plain-line.ts'
import { ClusterReadError, type ClusterReader, readJson } from './read.ts'

export interface ClusterProbe {
  /** As /version says: v1.31.4, v1.30.2+k3s1. */
  version: string
  /** linux/amd64 */
  platform?: string
  /** UID of the namespace kube-system, which lives as long as its cluster does. */
  kubeSystemUID: string
}

const uidPattern = '^[0-9a-zA-Z][0-9a-zA-Z._-]{0,63}$'

const Version = Type.Object({
  gitVersion: Type.String({ minLength: 2, maxLength: 64, pattern: '^v[0-9]+\\.[0-9]+[0-9A-Za-z.+_-]*$' }),
  platform: Type.Optional(Type.String({ maxLength: 64 })),
})
const Namespace = Type.Object({ metadata: Type.Object({ uid: Type.String({ pattern: uidPattern }) }) })

/** @throws ClusterReadError; the signal's reason when it is aborted */
export async function probeCluster(reader: ClusterReader): Promise<ClusterProbe> {
  // One after the other: what refuses the first is not asked the second.
  const { gitVersion, platform } = await readJson(reader, '/version', Version, { maxBytes: 16 * 1024 })
  const path = '/api/v1/namespaces/kube-system'
  const { metadata } = await readJson(reader, path, Namespace, { maxBytes: 64 * 1024 }).catch((error: unknown) => {
    if (error instanceof ClusterReadError && error.reason === 'NotFound')
      throw new ClusterReadError(
        'NotUnderstood',
        `GET ${path}: there is no namespace kube-system, so nothing tells this cluster from others`,
      )
    throw error
  })
  return { version: gitVersion, ...(platform && { platform: plainLine(platform, 64) }), kubeSystemUID: metadata.uid }
}
