import { X509Certificate } from 'node:crypto'
import { type Check, fail, pass, skipped } from '../types.ts'

export const externalEtcdCertificates: Check = {
  id: 'ExternalEtcdClientCertificates',
  group: 'kubeadm',
  severity: 'error',
  roles: ['controlPlane'],
  expected: 'the files of the external etcd exist, and the certificates are valid now',
  source: 'kubeadm FileExistingCheck',
  async run({ host, target, clock }) {
    const { caFile, certFile, keyFile } = target.input.externalEtcd ?? {}
    const files = [caFile, certFile, keyFile].filter((path) => path !== undefined)
    if (files.length === 0) return skipped(target.input.externalEtcd ? 'no certificate files are given' : 'etcd is not external')
    for (const path of files) {
      const text = await host.readText(path)
      if (text === undefined) return fail(`${path} does not exist`, 'Put the file there, mode 0600 for the key.')
      if (path === keyFile) continue
      const { validTo, validToDate } = new X509Certificate(text)
      if (validToDate < clock.now()) return fail(`${path} was valid until ${validTo}`, 'Renew the certificate.')
    }
    return pass(files.join(', '))
  },
}
