// Every check, in the order of the result. Adding a check is one file and one line here.
import type { Check } from '../types.ts'
import { cgroupVersion } from './cgroup-version.ts'
import { cri } from './cri.ts'
import { dirAvailable } from './dir-available.ts'
import { externalEtcdCertificates, externalEtcdVersion } from './external-etcd.ts'
import { fileAvailable } from './file-available.ts'
import { bridgeIp6tables, bridgeIptables, ipv4Forwarding, ipv6Forwarding } from './file-content.ts'
import { fileExisting } from './file-existing.ts'
import { firewalld } from './firewalld.ts'
import { hostname } from './hostname.ts'
import { httpProxy, httpProxyCidr } from './http-proxy.ts'
import { imagePull } from './image-pull.ts'
import { isPrivilegedUser } from './is-privileged-user.ts'
import { kernelVersion } from './kernel-version.ts'
import { kubeletVersion } from './kubelet-version.ts'
import { kubernetesVersion } from './kubernetes-version.ts'
import { mem } from './mem.ts'
import { numCpu } from './num-cpu.ts'
import { portFree } from './port.ts'
import { serviceKubelet } from './service-kubelet.ts'
import { swap } from './swap.ts'
import { systemVerification } from './system-verification.ts'

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
]
