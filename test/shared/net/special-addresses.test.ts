import test from 'ava'
import { formatAddress, parseAddress } from '#shared/net/address.ts'
import { isMetadataService, plainAddress } from '#shared/net/special-addresses.ts'

const plain = (text: string): string => {
  const address = parseAddress(text)
  return address ? formatAddress(plainAddress(address)) : 'none'
}

test('IPv4 inside IPv6 is what it leads to, in every way to put it there', (t) => {
  for (const text of [
    '::ffff:10.1.2.3',
    '::10.1.2.3',
    '::ffff:0:10.1.2.3',
    '64:ff9b::10.1.2.3',
    '64:ff9b:1::10.1.2.3',
    '2002:a01:203::1',
    '10.1.2.3',
  ])
    t.is(plain(text), '10.1.2.3', text)
  for (const text of ['::', '::1', 'fe80::1', '2001:db8::a01:203', '64:ff9b:2::a01:203']) t.is(plain(text), text)
})

test('the metadata services of the clouds are known', (t) => {
  const is = (text: string) => isMetadataService(parseAddress(text) as never)
  for (const text of ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192']) t.true(is(text), text)
  for (const text of ['fd00:ec2::253', '100.100.100.201', '10.0.0.1', '::1']) t.false(is(text), text)
})
