import test from 'ava'
import { addressIn, isForbiddenAddress } from '#hub/dial/addresses.ts'

test('link-local, multicast, unspecified and metadata addresses are never dialled, in whatever way they are embedded', (t) => {
  for (const address of [
    ...['169.254.169.254', '169.254.0.1', '224.0.0.1', '0.0.0.0', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
    ...['fe80::1', 'fe80::1%eth0', 'febf::1', 'ff02::1', '::', 'fd00:ec2::254', 'fd20:ce::254'],
    ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1'],
    'no address',
  ])
    t.true(isForbiddenAddress(address), address)
})

test('addresses of private and public networks are dialled, loopback too', (t) => {
  for (const address of [
    '10.0.0.1',
    '192.168.1.1',
    '127.0.0.1',
    '::1',
    '203.0.113.7',
    '2001:db8::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '169.253.0.1',
  ])
    t.false(isForbiddenAddress(address), address)
})

test('an address is seen in every spelling that a resolver takes for one', (t) => {
  for (const text of ['0xa9fea9fe', '2852039166', '169.254.43518', '0251.0376.0251.0376', '169.254.169.254', '0xa9.0xfe.0xa9.0xfe'])
    t.is(addressIn(text), '169.254.169.254', text)
  t.is(addressIn('[fe80::1]'), 'fe80::1')
  t.is(addressIn('fe80::1%eth0'), 'fe80::1')
  for (const text of ['localhost', 'api.example.org', 'a.b', '1.2.3.4.example.org', '1.2.3.256']) t.is(addressIn(text), undefined, text)
})
