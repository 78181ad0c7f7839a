// How many nodes a cluster CIDR can hold, from the number of pod addresses each node needs.
import { addressBits } from './address.ts'
import { type Cidr, cidrSize } from './cidr.ts'

/** Addresses of a node's network that no pod gets: network, bridge and broadcast address. */
const reservedPerNode = 3n
/** calico's default block: /26 and /122, 64 addresses each; a node owns whole blocks. */
const calicoBlockBits = 6
/** kube-controller-manager refuses a node mask more than 16 bits longer than the cluster mask (node IPAM, `cidrset`). */
const maxNodeMaskBits = 16
/** kube-controller-manager's default node mask of IPv6. */
const flannelIpv6Mask = 64

export interface NodeCapacity {
  maxNodes: bigint
  /** Prefix length of the network each node gets; undefined where nodes take blocks instead. */
  nodePrefix?: number
}

/**
 * Nodes that fit when each needs `podsPerNode` addresses. flannel: every node gets one network from kube-controller-manager (IPv6: /64 when
 * the cluster CIDR allows, which is the default there); calico: whole blocks of 64 addresses. 0 nodes when not even one fits.
 */
export function maxNodes(cluster: Cidr, podsPerNode: number, plugin: 'flannel' | 'calico'): NodeCapacity {
  if (!Number.isSafeInteger(podsPerNode) || podsPerNode < 1)
    throw new RangeError(`podsPerNode is ${podsPerNode}, must be a positive integer`)
  if (plugin === 'calico') {
    const blocks = cidrSize(cluster) >> BigInt(calicoBlockBits)
    const blocksPerNode = (BigInt(podsPerNode) + (1n << BigInt(calicoBlockBits)) - 1n) >> BigInt(calicoBlockBits)
    return { maxNodes: blocks / blocksPerNode }
  }
  const fitting = addressBits(cluster.family) - bitsFor(BigInt(podsPerNode) + reservedPerNode)
  const nodePrefix = cluster.family === 6 && cluster.prefix <= flannelIpv6Mask ? Math.min(flannelIpv6Mask, fitting) : fitting
  const spare = nodePrefix - cluster.prefix
  if (spare < 0) return { maxNodes: 0n, nodePrefix }
  return { maxNodes: 1n << BigInt(Math.min(spare, maxNodeMaskBits)), nodePrefix }
}

/** Smallest number of bits that can count `count` different values. */
function bitsFor(count: bigint): number {
  let bits = 0
  while (1n << BigInt(bits) < count) bits++
  return bits
}
