import { hideCredentials, isExempt, proxyVariables } from '#shared/net/proxy.ts'
import { type Check, fail, pass, skipped } from '../types.ts'

const httpsPort = 443
const stages = { connect: 'no connection', proxy: 'the proxy refused', tls: 'no TLS', http: 'no HTTP answer', done: '' } as const

export const registry: Check = {
  id: 'Registry',
  group: 'network',
  severity: 'error',
  expected: 'the image registry answers over TLS with a certificate that this machine trusts',
  source: 'OCI distribution specification, end-1 (GET /v2/)',
  async run({ host, probes, target, signal }) {
    const given = target.input.registry
    if (given === undefined) return skipped('no registry is given')
    const [, name = given, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(given) ?? []
    const { httpsProxy, noProxy } = proxyVariables(host.environment())
    const proxy = httpsProxy !== undefined && !isExempt(name, noProxy) ? httpsProxy : undefined
    const found = await probes.tls({ host: name.replace(/^\[|\]$/g, ''), port: Number(port ?? httpsPort), path: '/v2/', signal, proxy })
    const way = proxy ? ` through ${hideCredentials(proxy)}` : ''
    if (found.stage !== 'done')
      return fail(
        `${given}${way}: ${stages[found.stage]}: ${found.error}`,
        `Open TCP ${port ?? httpsPort} to ${name}, or set HTTPS_PROXY for the agent and the container runtime.`,
      )
    if (!found.isTrusted)
      return fail(
        `${given}${way}: ${found.trustError ?? 'the certificate is not trusted'} (valid until ${found.validTo})`,
        'Put the registry’s CA into the trust store of this machine (update-ca-certificates, update-ca-trust) and restart the runtime.',
      )
    // 401 asks for a credential, which is what a registry with accounts does; none is sent here.
    if (found.status === 200 || found.status === 401)
      return pass(`${given}${way}: HTTP ${found.status}, certificate valid until ${found.validTo}`)
    return fail(
      `${given}${way}: HTTP ${found.status} to GET /v2/`,
      'Check that this is a registry and not a web server or a proxy’s error page.',
    )
  },
}
