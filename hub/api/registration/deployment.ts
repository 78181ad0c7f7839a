// The Deployment of an agent in its cluster: one pod that opens no port, writes to memory only and has no right on its node.
import { agentName, identitySecret, joinSecret, type KubeObject, labels, namespace, policyConfigMap } from './names.ts'

export interface DeploymentFacts {
  cluster: string
  image: string
  /** Changes with each registration, so that a new join token reaches a pod that runs. */
  registration: string
}

const userId = 10_001
const selector = { 'app.kubernetes.io/name': agentName }
const directories = { state: '/run/moorline', temporary: '/tmp', join: '/etc/moorline/join', policy: '/etc/moorline/policy' }

const fromJoinSecret = (name: string, key: string) => ({ name, valueFrom: { secretKeyRef: { name: joinSecret, key } } })
const probe = (args: string[], times: object) => ({ exec: { command: ['moorline-agent', 'status', ...args] }, ...times })

export function agentDeployment({ cluster, image, registration }: DeploymentFacts): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: agentName, namespace, labels, annotations: { 'moorline.dev/cluster': cluster } },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 2,
      // Never two with one identity.
      strategy: { type: 'Recreate' },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels, annotations: { 'moorline.dev/registration': registration } },
        spec: podSpec(cluster, image),
      },
    },
  }
}

function podSpec(cluster: string, image: string): object {
  return {
    serviceAccountName: agentName,
    // What the Machine at the hub is called after.
    hostname: hostnameOf(cluster),
    terminationGracePeriodSeconds: 15,
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    // A cluster that has nothing but its control plane is managed, too.
    tolerations: ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'].map((key) => ({
      ...{ key, operator: 'Exists', effect: 'NoSchedule' },
    })),
    securityContext: { runAsNonRoot: true, runAsUser: userId, runAsGroup: userId, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'agent',
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['run'],
        env: [
          fromJoinSecret('MOORLINE_HUB', 'hub'),
          fromJoinSecret('MOORLINE_PINS', 'pins'),
          { name: 'MOORLINE_TOKEN_FILE', value: `${directories.join}/token` },
          { name: 'MOORLINE_STATE_DIR', value: `${directories.state}/agent` },
          { name: 'MOORLINE_POLICY_FILE', value: `${directories.policy}/agent-policy.json` },
          { name: 'MOORLINE_IDENTITY_SECRET', value: `${namespace}/${identitySecret}` },
        ],
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '384Mi' } },
        // Without a hub the agent is not ready; started again it is only when it does nothing any more.
        readinessProbe: probe([], { initialDelaySeconds: 3, periodSeconds: 30, timeoutSeconds: 10 }),
        livenessProbe: probe(['--live'], { initialDelaySeconds: 120, periodSeconds: 120, timeoutSeconds: 30, failureThreshold: 3 }),
        volumeMounts: [
          { name: 'state', mountPath: directories.state },
          { name: 'tmp', mountPath: directories.temporary },
          { name: 'join', mountPath: directories.join, readOnly: true },
          { name: 'policy', mountPath: directories.policy, readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: 'state', emptyDir: { medium: 'Memory', sizeLimit: '96Mi' } },
      { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
      { name: 'join', secret: { secretName: joinSecret, defaultMode: 0o444, items: [{ key: 'token', path: 'token' }] } },
      { name: 'policy', configMap: { name: policyConfigMap, defaultMode: 0o444 } },
    ],
  }
}

/** A DNS label of at most 63 characters. */
function hostnameOf(cluster: string): string {
  const base = cluster.replace(/[^a-z0-9-]+/g, '-').slice(0, 57)
  return `${base.replace(/^-+|-+$/g, '') || 'cluster'}-agent`
}
