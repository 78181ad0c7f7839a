import { type Check, fail, pass } from '../types.ts'

export const localhostResolves: Check = {
  id: 'LocalhostResolves',
  group: 'dns',
  severity: 'error',
  expected: 'localhost resolves to 127.0.0.1',
  source: 'RFC 6761 section 6.3; the kubelet’s health checks and etcd’s metrics',
  async run({ probes }) {
    const found = await probes.lookup('localhost')
    return found.includes('127.0.0.1')
      ? pass(found.join(', '))
      : fail(found.join(', ') || 'it does not resolve', '`echo "127.0.0.1 localhost" >> /etc/hosts`')
  },
}
