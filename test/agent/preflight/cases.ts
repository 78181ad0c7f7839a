import { hostLeftoversCases } from './cases-host.ts'
import { identityTimeDnsCases } from './cases-identity.ts'
import { kubeadmCases } from './cases-kubeadm.ts'
import { networkDiskCases } from './cases-network.ts'

export const cases = [...kubeadmCases, ...identityTimeDnsCases, ...networkDiskCases, ...hostLeftoversCases]
