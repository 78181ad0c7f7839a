import test from 'ava'
import fc from 'fast-check'
import { type Cidr, cidrSize, parseCidr } from '#shared/net/cidr.ts'
import { maxNodes } from '#shared/net/max-nodes.ts'

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(`${text} is no CIDR`)
  return parsed
}

test('flannel with 110 pods gives a /25 to each node', (t) => {
  t.deepEqual(maxNodes(cidr('10.244.0.0/16'), 110, 'flannel'), { maxNodes: 512n, nodePrefix: 25 })
})

test('a /24 per node holds 253 pods and not 254', (t) => {
  t.is(maxNodes(cidr('10.3.0.0/16'), 253, 'flannel').nodePrefix, 24)
  t.is(maxNodes(cidr('10.3.0.0/16'), 254, 'flannel').nodePrefix, 23)
})

test('flannel on IPv6 takes /64 networks while they fit', (t) => {
  t.deepEqual(maxNodes(cidr('fd00:10:16::/56'), 110, 'flannel'), { maxNodes: 256n, nodePrefix: 64 })
  t.deepEqual(maxNodes(cidr('fd00:10:16::/112'), 253, 'flannel'), { maxNodes: 256n, nodePrefix: 120 })
})

test('the node mask is never more than 16 bits longer than the cluster mask', (t) => {
  t.is(maxNodes(cidr('fd00::/32'), 110, 'flannel').maxNodes, 65536n)
})

test('calico counts whole blocks of 64 addresses', (t) => {
  t.is(maxNodes(cidr('10.3.0.0/16'), 64, 'calico').maxNodes, 1024n)
  t.is(maxNodes(cidr('10.3.0.0/16'), 65, 'calico').maxNodes, 512n)
  t.is(maxNodes(cidr('fd00:10:16::/112'), 64, 'calico').maxNodes, 1024n)
})

test('a network that is too small holds no node', (t) => {
  t.is(maxNodes(cidr('10.3.0.0/28'), 110, 'flannel').maxNodes, 0n)
  t.is(maxNodes(cidr('10.3.0.0/28'), 64, 'calico').maxNodes, 0n)
  t.throws(() => maxNodes(cidr('10.3.0.0/16'), 0, 'calico'), { instanceOf: RangeError })
})

test('the nodes never need more addresses than there are, and more pods never mean more nodes', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: 32 }),
      fc.integer({ min: 1, max: 4000 }),
      fc.constantFrom('flannel' as const, 'calico' as const),
      (prefix, pods, plugin) => {
        const network = cidr(`10.0.0.0/${prefix}`)
        const { maxNodes: nodes } = maxNodes(network, pods, plugin)
        t.true(nodes * BigInt(pods) <= cidrSize(network))
        t.true(maxNodes(network, pods + 1, plugin).maxNodes <= nodes)
      },
    ),
  )
})
