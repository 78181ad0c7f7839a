import { type Check, fail, pass, skipped, unknown } from '../types.ts'
import { rulesOf } from '../versions.ts'

const requestTimeoutMs = 5_000

/** The version endpoint is asked with curl: it is the one client that every distribution has and that takes the three files as they are. */
export const externalEtcdVersion: Check = {
  id: 'ExternalEtcdVersion',
  group: 'kubeadm',
  severity: 'error',
  roles: ['controlPlane'],
  expected: 'every endpoint of the external etcd answers with a version that kubeadm supports',
  source: 'kubeadm ExternalEtcdVersionCheck, MinExternalEtcdVersion',
  timeoutMs: 30_000,
  async run({ host, target }) {
    const etcd = target.input.externalEtcd
    if (!etcd) return skipped('etcd is not external')
    const oldest = rulesOf(target.ruleMinor).minExternalEtcd
    const files = [
      ...(etcd.caFile ? ['--cacert', etcd.caFile] : []),
      ...(etcd.certFile && etcd.keyFile ? ['--cert', etcd.certFile, '--key', etcd.keyFile] : []),
    ]
    const seen: string[] = []
    for (const endpoint of etcd.endpoints) {
      const url = `${endpoint.replace(/\/+$/, '')}/version`
      const { isMissing, exitCode, stdout, stderr } = await host.run('curl', ['-sS', '--max-time', '5', ...files, '--', url], {
        timeoutMs: requestTimeoutMs + 1_000,
      })
      if (isMissing) return unknown('curl, which asks the endpoints, is not installed', `Install curl, or ask ${url} yourself.`)
      if (exitCode !== 0)
        return fail(
          `${endpoint}: ${stderr.trim()}`,
          'Make the endpoint reachable from here, with a certificate that the CA file vouches for.',
        )
      const version = /"etcdserver":"(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
      if (version === undefined) return fail(`${endpoint} answers, but not as etcd does`, 'Check the endpoint.')
      if (compare(version, oldest) < 0) return fail(`${endpoint} runs etcd ${version}`, `Upgrade it to ${oldest.split('-')[0]} or newer.`)
      seen.push(`${endpoint} ${version}`)
    }
    return pass(seen.join(', '))
  },
}

/** Numeric parts only: the suffix of an image's revision does not matter. */
function compare(left: string, right: string): number {
  const parts = (text: string) => (text.split('-')[0] ?? '').split('.').map(Number)
  const [a, b] = [parts(left), parts(right)]
  for (const index of [0, 1, 2]) if (a[index] !== b[index]) return (a[index] ?? 0) - (b[index] ?? 0)
  return 0
}
