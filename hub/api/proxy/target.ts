// What a request to a cluster asks for, read from its method and path as Kubernetes' own request info does (apiserver/pkg/endpoints/
// request). Pure. The path is passed on byte for byte; nothing here rewrites it.
import type { TunnelClass } from '#shared/contract/tunnel.ts'
import { ApiError } from '#shared/errors/api-error.ts'

export interface ProxyTarget {
  cluster: string
  /** Behind /clusters/NAME/proxy, with a slash in front and its query. */
  path: string
}

export interface RequestInfo {
  /** get, list, watch, create, update, patch, delete, deletecollection; the method where no resource is named. */
  verb: string
  /** `pods`, `deployments.apps`, `pods/exec`; the first part of the path where no resource is named. */
  resource: string
}

const shape = /^\/clusters\/([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)\/proxy(\/[^?#]*)?(\?[^#]*)?$/

/**
 * @param url as it came, neither decoded nor normalised
 * @throws ApiError BadRequest when the path could lead out of the cluster's prefix
 */
export function targetOf(url: string): ProxyTarget {
  const found = shape.exec(url)
  if (!found) throw new ApiError('BadRequest', 'the path of a request to a cluster is /clusters/NAME/proxy/…, written in full')
  const [, cluster = '', , path = '/', query = ''] = found
  // Space, control characters and bytes beyond ASCII are percent-encoded in every valid path.
  if (/[^\x21-\x7e]/.test(path + query)) throw new ApiError('BadRequest', 'the path has characters that must be percent-encoded')
  if (hasDotSegment(path)) throw new ApiError('BadRequest', 'the path has the segment . or .., also encoded; write it in full')
  return { cluster, path: `${path}${query}` }
}

/** Some servers decode once more, and take a backslash for a slash; none may be led out of its prefix by that. */
function hasDotSegment(path: string): boolean {
  let text = path
  for (let round = 0; round < 4; round++) {
    if (text.split(/[/\\]/).some((segment) => /^\.{1,2}(;.*)?$/.test(segment))) return true
    const decoded = text.replace(/%(25|2e|2f|5c|3b)/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)))
    if (decoded === text) return false
    text = decoded
  }
  return true
}

const verbOfMethod: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' }

export function infoOf(method: string, pathWithQuery: string): RequestInfo {
  const [path = '', query = ''] = pathWithQuery.split('?', 2)
  const parts = path.split('/').filter(Boolean)
  const [root] = parts
  const isCore = root === 'api'
  if ((!isCore && root !== 'apis') || parts.length < (isCore ? 3 : 4)) return { verb: method.toLowerCase(), resource: `/${root ?? ''}` }
  const group = isCore ? '' : (parts[1] ?? '')
  let rest = parts.slice(isCore ? 2 : 3)
  const isOldWatch = rest[0] === 'watch'
  if (isOldWatch || rest[0] === 'proxy') rest = rest.slice(1)
  // A namespace is a resource itself, and the place of others.
  if (rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize') rest = rest.slice(2)
  const [plural = '', name, subresource] = rest
  const resource = `${plural}${group && `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`
  return { verb: isOldWatch ? 'watch' : verbOf(method, name !== undefined, new URLSearchParams(query)), resource }
}

function verbOf(method: string, hasName: boolean, query: URLSearchParams): string {
  if (method === 'DELETE') return hasName ? 'delete' : 'deletecollection'
  if (method !== 'GET' && method !== 'HEAD') return verbOfMethod[method] ?? method.toLowerCase()
  if (['1', 'true', 't', 'TRUE', 'True', 'T', ''].includes(query.get('watch') ?? 'no')) return 'watch'
  return hasName ? 'get' : 'list'
}

/** Interactive is what a person or a controller waits for and what is small; the rest must not stand before it in a queue. */
export function classOf({ verb, resource }: RequestInfo, pathWithQuery: string, isUpgrade: boolean): TunnelClass {
  const subresource = resource.split('/')[1]
  if (isUpgrade) {
    const isTerminal = new URLSearchParams(pathWithQuery.split('?', 2)[1] ?? '').get('tty') === 'true'
    return (subresource === 'exec' || subresource === 'attach') && isTerminal ? 'interactive' : 'bulk'
  }
  if (verb === 'list' || subresource === 'log' || subresource === 'proxy' || resource === '/openapi') return 'bulk'
  return 'interactive'
}
