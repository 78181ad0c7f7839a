// kubeadm on the machines: the first one becomes the control plane, the others join. Ready is what a pod, a service and a log say, not
// what the nodes say of themselves.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kubectlPath } from '#scripts/dev/kubectl.ts'
import { pollUntil } from '#scripts/dev/poll.ts'
import { type Bed, kubeconfigOf, kubernetesVersion } from './bed.ts'
import { testPodImage } from './images.ts'
import { binariesOf } from './kubernetes.ts'
import { kubectlFor, manifestOf } from './kubectl.ts'
import { addressOf, type MachineSpec } from './machine-files.ts'
import { runOn } from './machine.ts'
import { registryAddress } from './network.ts'
import { step } from './shell.ts'

const readyLimitMs = 240_000

export async function createCluster(bed: Bed, machines: readonly MachineSpec[]): Promise<void> {
  const [first, ...workers] = machines
  if (!first) throw new Error('a cluster needs a machine')
  const joinCommand = await step(bed, `kubeadm init on ${first.name}`, async () => {
    await runOn(bed, first.name, ['sh', '-c', 'cat > /root/kubeadm.json'], { stdin: kubeadmConfig(first) })
    await runOn(bed, first.name, ['kubeadm', 'init', '--config', '/root/kubeadm.json', '--skip-phases=addon/coredns'])
    await writeFile(kubeconfigOf(bed), await runOn(bed, first.name, ['cat', '/etc/kubernetes/admin.conf']), { mode: 0o600 })
    return (await runOn(bed, first.name, ['kubeadm', 'token', 'create', '--print-join-command'])).trim().split(/\s+/)
  })
  await step(bed, `kubeadm join on ${workers.map(({ name }) => name).join(', ')}`, () =>
    Promise.all(workers.map(({ name }) => runOn(bed, name, [...joinCommand, '--cri-socket', containerdSocket]))),
  )
  await step(bed, 'nodes, pods and services answer', () => untilReady(bed, first))
}

const containerdSocket = '/run/containerd/containerd.sock'

/** YAML takes JSON; documents are separated all the same. */
export function kubeadmConfig(first: MachineSpec): string {
  const documents = [
    {
      apiVersion: 'kubeadm.k8s.io/v1beta2',
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: addressOf(first), bindPort: 6443 },
      nodeRegistration: { criSocket: containerdSocket, kubeletExtraArgs: { 'pod-infra-container-image': `${registryAddress}/pause:3.2` } },
    },
    {
      apiVersion: 'kubeadm.k8s.io/v1beta2',
      kind: 'ClusterConfiguration',
      kubernetesVersion,
      imageRepository: registryAddress,
      controlPlaneEndpoint: `${addressOf(first)}:6443`,
      networking: { serviceSubnet: '10.96.0.0/16' },
    },
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      cgroupDriver: 'systemd',
      failSwapOn: false,
      // The disk is this machine's, and others fill it.
      evictionHard: { 'memory.available': '50Mi' },
      imageGCHighThresholdPercent: 100,
    },
    {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      clusterCIDR: '10.244.0.0/16',
      // nf_conntrack_max cannot be written from a namespace.
      conntrack: { maxPerCore: 0, min: 0 },
    },
  ]
  return documents.map((document) => JSON.stringify(document)).join('\n---\n')
}

/** Something to look at: it answers HTTP with its name, and says so in its log. */
const demo = (): object[] => {
  const labels = { app: 'hello' }
  const container = {
    name: 'hello',
    image: testPodImage,
    command: ['socat', 'TCP-LISTEN:8080,fork,reuseaddr', 'EXEC:/usr/local/bin/hello'],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'hello' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container] } } },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hello' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
  ]
}

export async function untilReady(bed: Bed, first: MachineSpec): Promise<void> {
  const kubectl = await kubectlFor(bed)
  await kubectl.run(['apply', '-f', '-'], manifestOf(demo()))
  await kubectl.run(['wait', 'node', '--all', '--for=condition=Ready', `--timeout=${readyLimitMs / 1000}s`])
  await kubectl.run(['rollout', 'status', 'deployment/hello', `--timeout=${readyLimitMs / 1000}s`])
  const address = await kubectl.run(['get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}'])
  // From the other machine, by the service's address: Endpoints, kube-proxy, routes between machines and the pod itself.
  await pollUntil('the service to answer from the control plane', readyLimitMs, async () =>
    (await runOn(bed, first.name, ['curl', '-s', '--max-time', '3', `http://${address}/`])).includes('hello from'),
  )
  await pollUntil('the log of a pod', readyLimitMs, async () => (await kubectl.run(['logs', 'deployment/hello'])).includes('answered'))
}

export async function machinePrograms(bed: Bed): Promise<string[]> {
  return [...['kubeadm', 'kubelet'].map((program) => join(binariesOf(bed), program)), await kubectlPath()]
}
