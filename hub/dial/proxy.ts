// The proxy of a Cluster or a Machine: its URL from the object, its credentials from a Credential.
import type { DialProxy } from '#shared/contract/machine.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { parseProxyUrl, type Proxy, proxyCredentialsProblem } from '#shared/net/proxy-url.ts'
import type { Credentials } from '#hub/credentials/types.ts'

/**
 * @param cluster on whose behalf it is dialled
 * @throws ApiError ServiceUnavailable when URL or Credential cannot be used
 */
export function proxyOf(proxy: DialProxy | undefined, credentials: Credentials, cluster: string | undefined): Proxy | undefined {
  if (!proxy) return undefined
  const parsed = parseProxyUrl(proxy.url)
  if (typeof parsed === 'string') throw new ApiError('ServiceUnavailable', `the proxy ${proxy.url}: ${parsed}`)
  if (proxy.credentialRef === undefined) return parsed
  const { data } = credentials.open(proxy.credentialRef, { types: ['Password'], cluster })
  const full: Proxy = { ...parsed, username: data.username ?? '', password: data.password ?? '' }
  const problem = proxyCredentialsProblem(full)
  if (problem) throw new ApiError('ServiceUnavailable', `Credential ${proxy.credentialRef} for the proxy ${proxy.url}: ${problem}`)
  return full
}
