// What a machine has on its disk before it boots for the first time, beside the base tree. Paths are absolute in the machine.
import { registryAddress } from './network.ts'

export interface MachineSpec {
  name: string
  /** From 1; decides its addresses. */
  index: number
}

export interface MachineFile {
  path: string
  text: string
  mode?: number
}

export const addressOf = ({ index }: MachineSpec): string => `10.77.0.${10 + index}`
export const podNetworkOf = ({ index }: MachineSpec): string => `10.244.${index}.0/24`

/** Unit files to enable, by the target that wants them. */
export const wantedUnits: Readonly<Record<string, string>> = {
  'testbed-prepare.service': 'sysinit.target',
  'testbed-routes.service': 'multi-user.target',
  'containerd.service': 'multi-user.target',
  'kubelet.service': 'multi-user.target',
}

export function machineFiles(machine: MachineSpec, all: readonly MachineSpec[], authorizedKey: string): MachineFile[] {
  const others = all.filter(({ name }) => name !== machine.name)
  const hosts = all.map((one) => `${addressOf(one)} ${one.name}\n`).join('')
  return [
    { path: '/etc/hostname', text: `${machine.name}\n` },
    { path: '/etc/hosts', text: `127.0.0.1 localhost\n${hosts}` },
    // A firewalled site without a resolver: names fail at once instead of after a timeout.
    { path: '/etc/resolv.conf', text: '' },
    { path: '/root/.ssh/authorized_keys', text: authorizedKey, mode: 0o600 },
    { path: '/etc/systemd/system.conf.d/testbed.conf', text: '[Manager]\nDefaultTimeoutStopSec=5s\n' },
    { path: '/usr/local/lib/testbed-prepare', text: prepare, mode: 0o755 },
    { path: '/etc/systemd/system/testbed-prepare.service', text: oneshot('/usr/local/lib/testbed-prepare', 'sysinit.target') },
    {
      path: '/usr/local/lib/testbed-routes',
      text: `#!/bin/sh\n${others.map((one) => `ip route replace ${podNetworkOf(one)} via ${addressOf(one)}\n`).join('')}`,
      mode: 0o755,
    },
    { path: '/etc/systemd/system/testbed-routes.service', text: oneshot('/usr/local/lib/testbed-routes', 'kubelet.service') },
    { path: '/etc/containerd/config.toml', text: containerd },
    { path: `/etc/containerd/certs.d/${registryAddress}/hosts.toml`, text: registryHosts },
    { path: '/etc/cni/net.d/10-pods.conflist', text: `${JSON.stringify(podNetwork(machine), null, 2)}\n` },
    { path: '/etc/systemd/system/kubelet.service', text: kubelet },
    { path: '/usr/local/bin/crictl', text: crictl, mode: 0o755 },
  ]
}

const oneshot = (program: string, before: string): string => `[Unit]
Description=Test bed: ${program}
DefaultDependencies=no
Before=${before}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${program}
`

/**
 * The machine's cgroups are its own, yet nspawn mounts them read-only without user namespaces. kubelet sets sysctls that belong to the whole
 * kernel; it finds files in their place, and the kernel stays as it is.
 */
const prepare = `#!/bin/sh
for controller in /sys/fs/cgroup/*/; do
  mount -o remount,rw,bind "$controller" 2>/dev/null || mount -o remount,rw "$controller"
done
mkdir -p /run/testbed
while read -r name value; do
  file=/run/testbed/$(echo "$name" | tr / .)
  echo "$value" > "$file"
  mount --bind "$file" "/proc/sys/$name"
done <<LIST
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
LIST
mount --make-rshared /
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
`

/** restrict_oom_score_adj: without CAP_SYS_RESOURCE no pod could start otherwise. */
const containerd = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${registryAddress}/pause:3.2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
`

const registryHosts = `server = "http://${registryAddress}"
[host."http://${registryAddress}"]
  capabilities = ["pull", "resolve"]
`

const podNetwork = (machine: MachineSpec): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      // What leaves the cluster's networks does so as the machine: the router knows no pods.
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: podNetworkOf(machine) }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

/** As kubeadm's package has it: kubeadm writes the files that are named here. */
const kubelet = `[Unit]
Description=kubelet
After=containerd.service
StartLimitIntervalSec=0

[Service]
Environment="KUBECONFIGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/bin/kubelet $KUBECONFIGS --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`

/** Debian has no cri-tools; these are the calls that kubeadm makes, over containerd's own client. */
const crictl = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    -r | --runtime-endpoint) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
verb=$1
shift
images="ctr --namespace k8s.io images"
case $verb in
  info) exec ctr version ;;
  inspecti) $images ls -q | grep -qxF "$1" ;;
  pull) exec $images pull --hosts-dir /etc/containerd/certs.d "$1" > /dev/null ;;
  *) echo "this crictl has no $verb" >&2; exit 1 ;;
esac
`
