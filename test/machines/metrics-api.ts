// metrics.k8s.io as an aggregated API: a pod that answers what `kubectl top` asks. Its figures are made up; the way to them is not.
import { selfSigned } from '#test/hub/api/fixture.ts'
import { until } from '#test/helpers/until.ts'
import { testPodImage } from './bed/images.ts'
import { manifestOf } from './bed/kubectl.ts'
import type { MachinesSite } from './site.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

const group = 'metrics.k8s.io'
const meta = (name: string, namespace?: string) => ({ metadata: { name, namespace }, timestamp: '2026-01-01T00:00:00Z', window: '30s' })
const answers = {
  nodes: {
    kind: 'NodeMetricsList',
    apiVersion: `${group}/v1beta1`,
    metadata: {},
    items: ['c1', 'w1'].map((name) => ({ ...meta(name), usage: { cpu: '250m', memory: '512Mi' } })),
  },
  pods: {
    kind: 'PodMetricsList',
    apiVersion: `${group}/v1beta1`,
    metadata: {},
    items: [{ ...meta('target', 'default'), containers: [{ name: 'main', usage: { cpu: '3m', memory: '20Mi' } }] }],
  },
  resources: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${group}/v1beta1`,
    resources: [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ],
  },
}

const script = `#!/bin/sh
read -r method path version
while read -r field; do [ "\${#field}" -le 1 ] && break; done
case "$path" in
  */nodes*) file=nodes ;;
  */pods*) file=pods ;;
  *) file=resources ;;
esac
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n' "$(stat -Lc %s "/metrics/$file")"
cat "/metrics/$file"
`

/** Available when it resolves; gone when the owner closes. */
export async function startMetricsApi(owner: Owner, { direct }: Pick<MachinesSite, 'direct'>): Promise<void> {
  const tls = await selfSigned()
  const labels = { app: 'metrics' }
  const serve = 'socat OPENSSL-LISTEN:8443,cert=/metrics/pem,verify=0,fork,reuseaddr EXEC:"sh /metrics/answer"'
  const data = {
    ...Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, JSON.stringify(answer)])),
    ...{ answer: script, pem: `${tls.key}\n${tls.cert}\n` },
  }
  const objects = manifestOf([
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'metrics' }, stringData: data },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'metrics', labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: 'main', image: testPodImage, command: ['sh', '-c', serve], volumeMounts: [{ name: 'files', mountPath: '/metrics' }] },
        ],
        volumes: [{ name: 'files', secret: { secretName: 'metrics' } }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'metrics' },
      spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] },
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `v1beta1.${group}` },
      spec: {
        ...{ group, version: 'v1beta1', insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 },
        service: { name: 'metrics', namespace: 'default' },
      },
    },
  ])
  owner.teardown(async () => void (await direct.run(['delete', '-f', '-', '--ignore-not-found', '--grace-period=0', '--force'], objects)))
  await direct.run(['apply', '-f', '-'], objects)
  await direct.run(['wait', 'pod/metrics', '--for=condition=Ready', '--timeout=60s'])
  await until(
    'the aggregated API',
    async () => (await direct.run(['get', '--raw', `/apis/${group}/v1beta1/nodes`])).includes('NodeMetricsList'),
    { timeoutMs: 60_000, intervalMs: 500 },
  )
}
