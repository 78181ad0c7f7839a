// The resolvers of the machine, as pods would inherit them.
import { type ResolvConf, readResolvConf } from '#agent/facts/sources/system.ts'
import type { CheckContext } from './types.ts'

/** Of the resolver library (resolv.conf(5) MAXNS); the kubelet passes on at most these to a pod. */
export const maxNameservers = 3
const stubAddress = '127.0.0.53'
const behindStub = '/run/systemd/resolve/resolv.conf'

/** What the kubelet hands to pods: behind systemd-resolved's stub the real list, as kubeadm configures it. */
export async function podResolvers({ host, machine }: CheckContext): Promise<ResolvConf | undefined> {
  const conf = await machine.resolvConf()
  if (conf?.nameservers.join() !== stubAddress) return conf
  return (await readResolvConf(host, behindStub)) ?? conf
}
