// The networks of the cluster to be, with the names under which they are shown.
import { type Cidr, parseCidr } from '#shared/net/cidr.ts'
import type { Target } from './types.ts'

export interface NamedCidr {
  kind: 'cluster' | 'service' | 'join'
  label: string
  cidr: Cidr
}

export function namedCidrs(target: Target): NamedCidr[] {
  const named = (kind: NamedCidr['kind'], texts: readonly string[]) =>
    texts.flatMap((text) => {
      const cidr = parseCidr(text)
      return cidr ? [{ kind, label: `${kind} CIDR ${text}`, cidr }] : []
    })
  return [...named('cluster', target.clusterCIDRs), ...named('service', target.serviceCIDRs), ...named('join', target.joinCIDRs)]
}
