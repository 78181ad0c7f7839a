// Content negotiation as Kubernetes does it: the first entry of Accept that the route can serve wins.
import { ApiError } from '#shared/errors/api-error.ts'

export interface Accepted {
  format: 'json' | 'yaml'
  /** Table, PartialObjectMetadata, PartialObjectMetadataList, APIGroupDiscoveryList */
  as?: string
  group?: string
  version?: string
}

/** `supports` says which transformed forms (`as`, version) this route has. Throws 406. */
export function negotiate(accept: string | undefined, supports: (as: string, version: string) => boolean = () => false): Accepted {
  if (accept === undefined || accept.trim() === '') return { format: 'json' }
  for (const entry of accept.slice(0, 4096).split(',')) {
    const [type = '', ...pairs] = entry.split(';').map((part) => part.trim())
    const parameters = new Map(pairs.map((pair) => pair.split('=', 2) as [string, string]))
    const format = formatOf(type.toLowerCase())
    if (!format || parameters.get('q') === '0') continue
    const as = parameters.get('as')
    if (as === undefined) return { format }
    const version = parameters.get('v') ?? ''
    if (supports(as, version)) return { format, as, group: parameters.get('g'), version }
  }
  throw new ApiError('NotAcceptable', 'this path answers application/json and application/yaml only')
}

function formatOf(type: string): Accepted['format'] | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  // A browser that navigates to an API path is shown JSON.
  if (type === 'text/html') return 'json'
  if (type === 'application/yaml') return 'yaml'
  return undefined
}

export const asTable = (as: string, version: string): boolean => as === 'Table' && (version === 'v1' || version === 'v1beta1')
export const asPartial = (as: string, version: string): boolean =>
  (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') && version === 'v1'
