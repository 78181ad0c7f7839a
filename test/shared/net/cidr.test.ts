import { isIP } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import { addressBits, formatAddress, isLinkLocal, isLoopback, isMulticast, parseAddress } from '#shared/net/address.ts'
import {
  addressAt,
  addressInCidr,
  cidrSize,
  contains,
  containsCidr,
  formatCidr,
  hasHostBits,
  lastAddress,
  overlaps,
  parseCidr,
} from '#shared/net/cidr.ts'

const anyAddress = fc.oneof(
  fc.record({ family: fc.constant(4 as const), value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }),
  fc.record({ family: fc.constant(6 as const), value: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) }),
)
const anyCidr = anyAddress.chain((address) =>
  fc.integer({ min: 0, max: addressBits(address.family) }).map((prefix) => {
    const cidr = parseCidr(`${formatAddress(address)}/${prefix}`)
    if (!cidr) throw new Error('a formatted address did not parse')
    return cidr
  }),
)

test('an address survives formatting and parsing', (t) => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const text = formatAddress(address)
      t.is(isIP(text), address.family)
      t.deepEqual(parseAddress(text), address)
    }),
  )
})

test('addresses are accepted exactly where the platform accepts them', (t) => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/))
  fc.assert(
    fc.property(texts, (text) => {
      t.is(parseAddress(text)?.family ?? 0, isIP(text), text)
    }),
    { numRuns: 2000 },
  )
})

test('IPv6 is written as RFC 5952 says', (t) => {
  const cases: [string, string][] = [
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['fe80::1%eth0', 'fe80::1'],
  ]
  for (const [given, expected] of cases) {
    const address = parseAddress(given)
    t.truthy(address, given)
    if (address) t.is(formatAddress(address), expected)
  }
})

test('a CIDR survives formatting and parsing, and has no host bits', (t) => {
  fc.assert(
    fc.property(anyCidr, (cidr) => {
      t.deepEqual(parseCidr(formatCidr(cidr)), cidr)
      t.false(hasHostBits(formatCidr(cidr)))
      t.is(lastAddress(cidr).value - cidr.base + 1n, cidrSize(cidr))
    }),
  )
})

test('overlap is symmetric and means that some address is in both', (t) => {
  fc.assert(
    fc.property(anyCidr, anyCidr, (left, right) => {
      t.is(overlaps(left, right), overlaps(right, left))
      const isShared = left.family === right.family && left.base <= lastAddress(right).value && right.base <= lastAddress(left).value
      t.is(overlaps(left, right), isShared)
    }),
    { numRuns: 1000 },
  )
})

test('a network contains its own addresses and every narrower network around them', (t) => {
  fc.assert(
    fc.property(anyCidr, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (cidr, at, extra) => {
      const index = (cidrSize(cidr) * BigInt(Math.floor(at * 1000))) / 1001n
      const address = addressAt(cidr, index)
      if (!address) return t.fail('the index is inside')
      t.true(contains(cidr, address))
      t.is(addressAt(cidr, cidrSize(cidr)), undefined)
      const prefix = Math.min(addressBits(cidr.family), cidr.prefix + (extra % 8))
      const inner = parseCidr(`${formatAddress(address)}/${prefix}`)
      if (!inner) return t.fail('the inner network parses')
      t.true(containsCidr(cidr, inner))
      t.true(overlaps(cidr, inner))
    }),
  )
})

test('malformed networks are refused', (t) => {
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0/8',
    '010.0.0.0/8',
    '::/129',
    'fe80::1%eth0/64',
    '1::2::3/64',
    '10.0.0.0/8/8',
  ])
    t.is(parseCidr(text), undefined, text)
  t.true(hasHostBits('10.0.0.1/8'))
})

test('an address is found in a network from text, mapped IPv4 too', (t) => {
  t.true(addressInCidr('10.1.2.3', '10.0.0.0/8'))
  t.true(addressInCidr('::ffff:10.1.2.3', '10.0.0.0/8'))
  t.true(addressInCidr('2001:db8::5', '2001:db8::/32'))
  t.false(addressInCidr('11.1.2.3', '10.0.0.0/8'))
  t.false(addressInCidr('not an address', '10.0.0.0/8'))
})

test('special addresses are recognised in both families', (t) => {
  const is = (check: (address: NonNullable<ReturnType<typeof parseAddress>>) => boolean, text: string) => {
    const address = parseAddress(text)
    return address !== undefined && check(address)
  }
  t.true(is(isLoopback, '127.8.0.1') && is(isLoopback, '::1'))
  t.true(is(isLinkLocal, '169.254.3.4') && is(isLinkLocal, 'fe80::1') && is(isLinkLocal, 'febf::1'))
  t.true(is(isMulticast, '224.0.0.18') && is(isMulticast, 'ff02::1'))
  t.false(is(isLinkLocal, 'fec0::1') || is(isLoopback, '::2') || is(isMulticast, '223.255.255.255'))
})
