// The agent's own credentials for its cluster, read again every few seconds while they are used: kubelet replaces a pod's token about
// once an hour, kubeadm an admin's certificate once a year.
import type { KubernetesPolicy } from '#agent/config/kubernetes.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { readKubeconfig } from './kubeconfig.ts'
import type { KubeAccess, KubeCredentials, ReadText } from './types.ts'

export interface CredentialsOptions {
  policy: KubernetesPolicy
  readText: ReadText
  /** KUBERNETES_SERVICE_HOST and _PORT say where a pod finds the API server. */
  environment: Readonly<Record<string, string | undefined>>
  clock: Clock
}

export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'
const keepMs = 10_000

export function createCredentials({ policy, readText, environment, clock }: CredentialsOptions): KubeCredentials {
  let known: { access: Promise<KubeAccess>; endsAtMs: number } | undefined
  const read = (): Promise<KubeAccess> =>
    policy.source === 'kubeconfig' ? readKubeconfig(policy.path, readText) : readServiceAccount(readText, environment)
  return {
    current() {
      const nowMs = clock.monotonicMs()
      if (known && nowMs < known.endsAtMs) return known.access
      const entry = { access: read(), endsAtMs: nowMs + keepMs }
      known = entry
      entry.access.catch(() => {
        // Whoever asked is told; the next one reads again.
        if (known === entry) known = undefined
      })
      return entry.access
    },
    forget: () => void (known = undefined),
  }
}

async function readServiceAccount(readText: ReadText, environment: CredentialsOptions['environment']): Promise<KubeAccess> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment
  if (!host || !port)
    throw new Error('KUBERNETES_SERVICE_HOST is not set: the policy says "serviceAccount", and this agent does not run in a pod')
  const file = async (name: string): Promise<string> => {
    const content = await readText(`${serviceAccountDirectory}/${name}`)
    if (!content) throw new Error(`${serviceAccountDirectory}/${name} does not exist or is empty: the pod needs a service account token`)
    return content
  }
  const [token, ca] = await Promise.all([file('token'), file('ca.crt')])
  return { host, port: Number(port), basePath: '', tls: { ca }, authorization: `Bearer ${token.trim()}` }
}
