import test from 'ava'
import { machineFingerprint } from '#agent/facts/fingerprint.ts'
import { createHost } from '#agent/host/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { type FakeFile, fakeHost } from '../preflight/fake-host.ts'

const uuid = '4c4c4544-0042-3510-8051-b4c04f4a3132'
const card = (name: string, mac: string, extra: Record<string, FakeFile> = {}): Record<string, FakeFile> => ({
  [`/sys/class/net/${name}/mtu`]: '1500\n',
  [`/sys/class/net/${name}/address`]: `${mac}\n`,
  [`/sys/class/net/${name}/device`]: { link: '../../devices/pci/x' },
  ...extra,
})
const machineId = { '/etc/machine-id': `${'ab'.repeat(16)}\n` }
const withUuid = (value: string) => ({ '/sys/class/dmi/id/product_uuid': `${value}\n` })
const of = (files: Record<string, FakeFile>) => machineFingerprint({ host: fakeHost({ files }) })

test('it is a SHA-256 in hexadecimal and the same each time', async (t) => {
  const host = createHost({ clock: systemClock, environment: {} })
  const first = await machineFingerprint({ host })
  t.regex(first, /^[0-9a-f]{64}$/)
  t.is(await machineFingerprint({ host }), first)
})

test('a clone of the disk differs by its product UUID', async (t) => {
  t.not(await of({ ...machineId, ...withUuid(uuid) }), await of({ ...machineId, ...withUuid(uuid.replace('4c4c', '5d5d')) }))
})

test('a clone without a product UUID differs by its cards', async (t) => {
  t.not(await of({ ...machineId, ...card('eth0', '52:54:00:00:00:01') }), await of({ ...machineId, ...card('eth0', '52:54:00:00:00:02') }))
})

test('a placeholder UUID counts as none', async (t) => {
  const placeholder = withUuid('03000200-0400-0500-0006-000700080009')
  t.not(
    await of({ ...machineId, ...placeholder, ...card('eth0', '52:54:00:00:00:01') }),
    await of({ ...machineId, ...placeholder, ...card('eth0', '52:54:00:00:00:02') }),
  )
})

test('a card that is plugged in changes nothing where there is a product UUID', async (t) => {
  const before = { ...machineId, ...withUuid(uuid), ...card('eth0', '52:54:00:00:00:01') }
  t.is(await of(before), await of({ ...before, ...card('eth1', '52:54:00:00:00:02') }))
})

test('order and names of cards, bridges, tunnels and addresses set by hand change nothing', async (t) => {
  const plain = { ...machineId, ...card('eth0', '52:54:00:00:00:01'), ...card('eth1', '52:54:00:00:00:02') }
  const same = {
    ...machineId,
    ...card('ens3', '52:54:00:00:00:02'),
    ...card('ens4', '52:54:00:00:00:01'),
    ...card('bond-member', '52:54:00:00:00:09', { '/sys/class/net/bond-member/addr_assign_type': '3\n' }),
    '/sys/class/net/cni0/mtu': '1450\n',
    '/sys/class/net/cni0/address': 'aa:bb:cc:dd:ee:ff\n',
  }
  t.is(await of(plain), await of(same))
})

test('a product UUID that only root may read is no error', async (t) => {
  await t.notThrowsAsync(of({ ...machineId, '/sys/class/dmi/id/product_uuid': { error: 'EACCES' } }))
})

test('a machine with nothing of its own gets no fingerprint', async (t) => {
  await t.throwsAsync(of({}), { message: /systemd-machine-id-setup/ })
})
