// Every check, in the order of the result. Adding a check is one file and one line here.
import type { Check } from '../types.ts'
import { apparmor } from './apparmor.ts'
import { architecture } from './architecture.ts'
import { cgroupVersion } from './cgroup-version.ts'
import { cidrInterfaces } from './cidr-interfaces.ts'
import { cidrPairs } from './cidr-pairs.ts'
import { cidrRoutes } from './cidr-routes.ts'
import { conflictingPackages } from './conflicting-packages.ts'
import { cri } from './cri.ts'
import { defaultRoute } from './default-route.ts'
import { defaultTasksMax } from './default-tasks-max.ts'
import { dirAvailable } from './dir-available.ts'
import { diskSpace } from './disk-space.ts'
import { diskUsage } from './disk-usage.ts'
import { etcdFsync } from './etcd-fsync.ts'
import { externalEtcdCertificates } from './external-etcd-certificates.ts'
import { externalEtcdVersion } from './external-etcd-version.ts'
import { fileAvailable } from './file-available.ts'
import { bridgeIp6tables, bridgeIptables, ipv4Forwarding, ipv6Forwarding } from './file-content.ts'
import { fileExisting } from './file-existing.ts'
import { firewalld } from './firewalld.ts'
import { hostname } from './hostname.ts'
import { hostnameResolves } from './hostname-resolves.ts'
import { httpProxy } from './http-proxy.ts'
import { httpProxyCidr } from './http-proxy-cidr.ts'
import { imagePull } from './image-pull.ts'
import { inodes } from './inodes.ts'
import { isPrivilegedUser } from './is-privileged-user.ts'
import { kernelModule } from './kernel-module.ts'
import { kernelVersion } from './kernel-version.ts'
import { kubeletVersion } from './kubelet-version.ts'
import { kubernetesVersion } from './kubernetes-version.ts'
import { leftoverDirectory } from './leftover-directory.ts'
import { leftoverFirewall } from './leftover-firewall.ts'
import { leftoverInterfaces } from './leftover-interfaces.ts'
import { leftoverIpvs } from './leftover-ipvs.ts'
import { leftoverProcesses } from './leftover-processes.ts'
import { leftoverUnits } from './leftover-units.ts'
import { localhostResolves } from './localhost-resolves.ts'
import { macAddresses } from './mac-addresses.ts'
import { machineId } from './machine-id.ts'
import { mem } from './mem.ts'
import { networkManager } from './network-manager.ts'
import { noProxy } from './no-proxy.ts'
import { nodeAddress } from './node-address.ts'
import { nodeName } from './node-name.ts'
import { numCpu } from './num-cpu.ts'
import { operatingSystem } from './operating-system.ts'
import { pathMtu } from './path-mtu.ts'
import { portFree } from './port.ts'
import { productUuid } from './product-uuid.ts'
import { registry } from './registry.ts'
import { resolvConf } from './resolv-conf.ts'
import { resolverLoop } from './resolver-loop.ts'
import { resolverOutsideCluster } from './resolver-outside-cluster.ts'
import { resolversAnswer } from './resolvers-answer.ts'
import { searchList } from './search-list.ts'
import { selinux } from './selinux.ts'
import { serviceKubelet } from './service-kubelet.ts'
import { swap } from './swap.ts'
import { swapPersistent } from './swap-persistent.ts'
import { atLeast, isNotStrict, leavesNodePorts, sysctl } from './sysctl.ts'
import { systemVerification } from './system-verification.ts'
import { timeOffset } from './time-offset.ts'
import { timeSync } from './time-sync.ts'
import { tmpNoexec } from './tmp-noexec.ts'
import { transparentHugePages } from './transparent-huge-pages.ts'

export const checks: readonly Check[] = [
  // kubeadm
  isPrivilegedUser,
  numCpu,
  mem,
  kubernetesVersion,
  firewalld,
  portFree(6443, 'the API server', ['controlPlane']),
  portFree(10259, 'the scheduler', ['controlPlane']),
  portFree(10257, 'the controller manager', ['controlPlane']),
  portFree(10250, 'the kubelet'),
  portFree(2379, 'clients of etcd', ['controlPlane']),
  portFree(2380, 'peers of etcd', ['controlPlane']),
  fileAvailable('/etc/kubernetes/manifests/kube-apiserver.yaml', ['controlPlane']),
  fileAvailable('/etc/kubernetes/manifests/kube-controller-manager.yaml', ['controlPlane']),
  fileAvailable('/etc/kubernetes/manifests/kube-scheduler.yaml', ['controlPlane']),
  fileAvailable('/etc/kubernetes/manifests/etcd.yaml', ['controlPlane']),
  fileAvailable('/etc/kubernetes/kubelet.conf'),
  fileAvailable('/etc/kubernetes/bootstrap-kubelet.conf'),
  fileAvailable('/etc/kubernetes/pki/ca.crt', ['worker']),
  dirAvailable('/var/lib/etcd', ['controlPlane']),
  httpProxy,
  httpProxyCidr,
  cri,
  swap,
  fileExisting('conntrack'),
  fileExisting('cp'),
  fileExisting('crictl'),
  fileExisting('ebtables'),
  fileExisting('ethtool'),
  fileExisting('ip'),
  fileExisting('iptables'),
  fileExisting('losetup'),
  fileExisting('mount'),
  fileExisting('nsenter'),
  fileExisting('socat'),
  fileExisting('tc'),
  fileExisting('touch'),
  systemVerification,
  kernelVersion,
  cgroupVersion,
  hostname,
  kubeletVersion,
  serviceKubelet,
  ipv4Forwarding,
  ipv6Forwarding,
  bridgeIptables,
  bridgeIp6tables,
  externalEtcdVersion,
  externalEtcdCertificates,
  imagePull,
  // identity
  nodeName,
  hostnameResolves,
  machineId,
  productUuid,
  macAddresses,
  nodeAddress,
  defaultRoute,
  // time
  timeSync,
  timeOffset,
  // dns
  resolvConf,
  resolverLoop,
  resolversAnswer,
  resolverOutsideCluster,
  searchList,
  localhostResolves,
  // network
  cidrPairs,
  cidrRoutes,
  cidrInterfaces,
  registry,
  pathMtu,
  noProxy,
  // disk
  etcdFsync,
  diskSpace('etcd', '/var/lib/etcd', { leastGb: 10, wantedGb: 20 }, ['controlPlane']),
  diskSpace('runtime', '/var/lib/containerd', { leastGb: 100, wantedGb: 150 }),
  diskSpace('kubelet', '/var/lib/kubelet', { leastGb: 50, wantedGb: 100 }),
  diskSpace('root', '/', { leastGb: 50, wantedGb: 100 }),
  diskUsage,
  inodes,
  tmpNoexec,
  // host
  operatingSystem,
  architecture,
  kernelModule('overlay', { option: 'OVERLAY_FS', user: 'the container runtime', severity: 'error' }),
  kernelModule('br_netfilter', {
    option: 'BRIDGE_NETFILTER',
    user: 'a bridged network plugin',
    severity: 'error',
    evidence: ['/proc/sys/net/bridge'],
  }),
  kernelModule('nf_conntrack', {
    option: 'NF_CONNTRACK',
    user: 'kube-proxy',
    severity: 'error',
    evidence: ['/proc/sys/net/netfilter/nf_conntrack_max'],
  }),
  kernelModule('ip_vs', { option: 'IP_VS', user: 'kube-proxy in IPVS mode', severity: 'warning' }),
  kernelModule('ip_vs_rr', { option: 'IP_VS_RR', user: 'kube-proxy in IPVS mode', severity: 'warning' }),
  kernelModule('ip_vs_wrr', { option: 'IP_VS_WRR', user: 'kube-proxy in IPVS mode', severity: 'warning' }),
  kernelModule('ip_vs_sh', { option: 'IP_VS_SH', user: 'kube-proxy in IPVS mode', severity: 'warning' }),
  kernelModule('vxlan', { option: 'VXLAN', user: 'the VXLAN of flannel and calico', severity: 'error', plugins: ['flannel', 'calico'] }),
  kernelModule('geneve', { option: 'GENEVE', user: 'the overlay of kube-ovn', severity: 'error', plugins: ['kube-ovn'] }),
  kernelModule('openvswitch', { option: 'OPENVSWITCH', user: 'kube-ovn', severity: 'error', plugins: ['kube-ovn'] }),
  sysctl('fs.inotify.max_user_instances', { ...atLeast(512), severity: 'warning', source: 'kubelet and log agents take one for each pod' }),
  sysctl('fs.inotify.max_user_watches', { ...atLeast(65_536), severity: 'warning', source: 'kubelet and log agents watch every log' }),
  sysctl('fs.file-max', { ...atLeast(100_000), severity: 'warning', source: 'open files of all pods together' }),
  sysctl('kernel.pid_max', { ...atLeast(32_768), severity: 'warning', source: 'threads of all pods together' }),
  sysctl('vm.max_map_count', { ...atLeast(65_530), severity: 'warning', source: 'kernel default; search engines in pods need 262144' }),
  sysctl('vm.overcommit_memory', {
    severity: 'info',
    expected: '1 (the kubelet sets it, unless protectKernelDefaults)',
    value: '1',
    isGood: (value) => value === '1',
    source: 'kubelet setupKernelTunables',
  }),
  sysctl('kernel.panic', {
    severity: 'info',
    expected: '10 (the kubelet sets it, unless protectKernelDefaults)',
    value: '10',
    isGood: (value) => value === '10',
    source: 'kubelet setupKernelTunables',
  }),
  sysctl('kernel.panic_on_oops', {
    severity: 'info',
    expected: '1 (the kubelet sets it, unless protectKernelDefaults)',
    value: '1',
    isGood: (value) => value === '1',
    source: 'kubelet setupKernelTunables',
  }),
  sysctl('net.ipv4.conf.all.rp_filter', {
    severity: 'warning',
    expected: '0 or 2: not strict',
    value: '0',
    isGood: isNotStrict,
    source: 'RFC 3704; calico and machines with several cards',
  }),
  sysctl('net.ipv4.ip_local_port_range', {
    severity: 'warning',
    expected: 'leaves 30000–32767 to NodePort services',
    value: '32768 60999',
    isGood: leavesNodePorts,
    source: 'kube-apiserver --service-node-port-range',
  }),
  sysctl('fs.may_detach_mounts', {
    severity: 'warning',
    expected: '1 where the kernel (3.10 of Red Hat) has it',
    value: '1',
    isGood: (value) => value === '1',
    whenAbsent: 'pass',
    source: 'containers that cannot be removed: device or resource busy',
  }),
  swapPersistent,
  transparentHugePages,
  selinux,
  apparmor,
  networkManager,
  defaultTasksMax,
  conflictingPackages,
  // leftovers
  leftoverProcesses,
  leftoverUnits,
  leftoverDirectory('/etc/cni/net.d', { severity: 'error' }),
  leftoverDirectory('/opt/cni', { severity: 'warning' }),
  leftoverDirectory('/etc/kubernetes', { severity: 'warning', command: 'kubeadm reset --force; rm -rf /etc/kubernetes' }),
  leftoverDirectory('/var/lib/kubelet', {
    severity: 'error',
    command: 'umount -R /var/lib/kubelet/pods/*/volumes/*/* ; rm -rf /var/lib/kubelet',
  }),
  leftoverDirectory('/var/lib/etcd', { severity: 'error' }),
  leftoverDirectory('/var/lib/cni', { severity: 'error' }),
  leftoverDirectory('/var/lib/docker', { severity: 'warning', command: 'systemctl stop docker docker.socket; rm -rf /var/lib/docker' }),
  leftoverDirectory('/var/lib/containerd', { severity: 'warning', command: 'systemctl stop containerd; rm -rf /var/lib/containerd' }),
  leftoverFirewall,
  leftoverIpvs,
  leftoverInterfaces,
]
