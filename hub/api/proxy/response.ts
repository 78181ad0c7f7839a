// What leaves to the client of a cluster's answer: fields from the list, redirects kept inside the cluster's prefix, and a policy under
// which a page from a pod can do nothing on the hub's own origin.
import { type Headers, type RawHeaders, responseHeaders } from '#shared/kubernetes/headers.ts'

export function clientHeaders(raw: RawHeaders, cluster: string, pathPrefix: string): Headers {
  const headers = responseHeaders(raw)
  const { location } = headers
  delete headers.location
  const inside = typeof location === 'string' ? innerLocation(location, cluster, pathPrefix) : undefined
  return {
    ...headers,
    ...(inside !== undefined && { location: inside }),
    'cache-control': headers['cache-control'] ?? 'no-store',
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
  }
}

/** A redirect to a path of the cluster stays one; any other address is the cluster's own and means nothing here. */
function innerLocation(location: string, cluster: string, pathPrefix: string): string | undefined {
  if (!location.startsWith('/') || location.startsWith('//') || location.includes('\\')) return undefined
  const path = pathPrefix !== '' && location.startsWith(`${pathPrefix}/`) ? location.slice(pathPrefix.length) : location
  return `/clusters/${cluster}/proxy${path}`
}
