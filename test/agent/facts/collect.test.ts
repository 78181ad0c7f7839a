import { readHardware } from '#agent/host/hardware.ts'
import { execFileSync } from 'node:child_process'
import test from 'ava'
import Value from 'typebox/value'
import { collectFacts } from '#agent/facts/collect.ts'
import { createHost } from '#agent/host/create.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { Facts } from '#shared/contract/facts.ts'
import { ethernet, fakeHost } from '../preflight/fake-host.ts'

const GiB = 1024 ** 3

test('a machine is described from /proc and /sys', async (t) => {
  const host = fakeHost({
    files: {
      '/proc/sys/kernel/hostname': 'node-1\n',
      '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
      '/proc/sys/kernel/random/boot_id': '9c2f0d9e-55a7-4a2b-8a51-1c3d1f8e7a11\n',
      '/etc/machine-id': `${'ab'.repeat(16)}\n`,
      '/etc/os-release': 'NAME="Debian"\nID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
      '/proc/cpuinfo': 'processor\t: 0\nmodel name\t: Xeon\nprocessor\t: 1\nmodel name\t: Xeon\n',
      '/proc/meminfo': 'MemTotal:       16384000 kB\nMemAvailable:    8192000 kB\nSwapTotal:             0 kB\n',
      '/proc/1/comm': 'systemd\n',
      '/sys/class/dmi/id/sys_vendor': 'QEMU\n',
      '/proc/self/mountinfo': [
        '22 1 254:1 / / rw - ext4 /dev/vda1 rw',
        '23 22 254:1 /x /mnt/bind rw - ext4 /dev/vda1 rw',
        '24 22 0:20 / /proc rw - proc proc rw',
        '25 22 254:16 / /var/lib/etcd\\040data rw - xfs /dev/vdb rw',
        '26 22 0:50 / /run rw - tmpfs tmpfs rw',
      ].join('\n'),
      '/sys/class/net/eth0/mtu': '1500\n',
      '/sys/class/net/eth0/flags': '0x1003\n',
      '/sys/class/net/eth0/address': '52:54:00:12:34:56\n',
      '/sys/class/net/eth0/speed': '10000\n',
      '/sys/class/net/eth1/mtu': '1500\n',
      '/sys/class/net/eth1/flags': '0x1002\n',
      '/sys/class/net/eth1/speed': { error: 'EINVAL' },
      '/sys/class/net/bonding_masters': 'bond0\n',
      '/proc/net/route':
        'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\neth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n',
      '/proc/net/ipv6_route':
        'fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n' +
        'fd000000000000000000000000000005 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000001 00000000 80200001     eth0\n',
      '/etc/resolv.conf': '# by hand\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n',
    },
    programs: { containerd: { stdout: 'containerd containerd.io 1.7.24 88bf19b2105c\n' }, kubelet: { stdout: 'Kubernetes v1.31.2\n' } },
    filesystem: (path) => ({
      totalBytes: 100 * GiB,
      freeBytes: 60 * GiB,
      availableBytes: 50 * GiB,
      inodes: path === '/' ? 1000 : 0,
      inodesFree: 900,
    }),
  })
  const facts = await collectFacts({ host, clock: systemClock, addresses: () => [ethernet('192.168.1.10', 24)] })
  t.like(facts, {
    hostname: 'node-1',
    os: { id: 'debian', versionId: '12', prettyName: 'Debian GNU/Linux 12 (bookworm)' },
    kernel: '6.1.0-18-amd64',
    virtualization: 'QEMU',
    initSystem: 'systemd',
    cpu: { model: 'Xeon', count: 2 },
    memory: { totalBytes: 16384000 * 1024, availableBytes: 8192000 * 1024, swapTotalBytes: 0 },
    runtime: { name: 'containerd', version: '1.7.24' },
    kubelet: { version: '1.31.2' },
    resolvers: ['192.0.2.53', '2001:db8::53'],
  })
  t.deepEqual(
    facts.disks.map(({ mountPoint, device, inodesFree }) => [mountPoint, device, inodesFree]),
    [
      ['/', '/dev/vda1', 900],
      ['/var/lib/etcd data', '/dev/vdb', undefined],
    ],
  )
  t.deepEqual(
    facts.nics.map(({ name, up, speedMbps, addresses }) => [name, up, speedMbps, addresses]),
    [
      ['eth0', true, 10000, ['192.168.1.10/24']],
      ['eth1', false, undefined, []],
    ],
  )
  t.deepEqual(facts.routes, [
    { destination: '0.0.0.0/0', gateway: '192.168.1.1', interface: 'eth0', family: 4 },
    { destination: '192.168.1.0/24', interface: 'eth0', family: 4 },
    { destination: 'fd00::/64', interface: 'eth0', family: 6 },
  ])
  t.false(JSON.stringify(facts).includes('ab'.repeat(16)), 'the machine-id itself does not leave the machine')
})

test('a machine that tells nothing still gives facts that fit the schema', async (t) => {
  const facts = await collectFacts({ host: fakeHost({}), clock: systemClock, addresses: () => [] })
  t.true(Value.Check(Facts, facts))
})

test('the real machine agrees with its own tools', async (t) => {
  const host = createHost({ clock: systemClock, environment: { PATH: process.env.PATH } })
  const facts = await collectFacts({ host, clock: systemClock })
  t.is(facts.kernel, execFileSync('uname', ['-r']).toString().trim())
  t.is(facts.hostname, execFileSync('uname', ['-n']).toString().trim())
  t.is(facts.cpu.count, Number(execFileSync('nproc', ['--all']).toString()))
  t.true(facts.disks.length > 0 && facts.nics.length > 0)
})

test('hardware is what the machine reports, cut to what fits, and absent when nobody asks', async (t) => {
  const hardware = {
    manufacturer: 'M'.repeat(300),
    model: 'X1',
    blockDevices: [{ name: 'sda', model: '', sizeBytes: 5, isRotational: true, isRemovable: false }],
  }
  const facts = await collectFacts({
    host: fakeHost({}),
    clock: systemClock,
    addresses: () => [],
    hardware: () => Promise.resolve(hardware),
  })
  t.is(facts.hardware?.manufacturer.length, 256)
  t.deepEqual(facts.hardware?.blockDevices, hardware.blockDevices)
  t.is((await collectFacts({ host: fakeHost({}), clock: systemClock, addresses: () => [] })).hardware, undefined)
})

test('the block devices of this machine are read with their sizes', async (t) => {
  const { blockDevices } = await readHardware(systemClock)
  for (const device of blockDevices) t.true(device.sizeBytes > 0, device.name)
})
