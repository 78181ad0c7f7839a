// OpenAPI v3 of the one group version, its index, and v2 for clients that ask for JSON.
import { createHash } from 'node:crypto'
import { apiVersion } from '#shared/contract/meta.ts'
import type { KindDefinition } from '#hub/resources/types.ts'
import { kindPaths } from './paths.ts'
import { kindSchemas } from './schemas.ts'

export interface OpenApi {
  /** /openapi/v3 */
  index: string
  /** /openapi/v3/apis/moorline.dev/v1alpha1 */
  v3: string
  v2: string
  etag: string
}

export function createOpenApi(definitions: readonly KindDefinition[], version: string): OpenApi {
  const info = { title: 'Moorline', version }
  const schemas = kindSchemas(definitions)
  const v3 = JSON.stringify({
    openapi: '3.0.0',
    info,
    paths: kindPaths(definitions),
    components: { schemas, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }],
  })
  const hash = createHash('sha256').update(v3).digest('hex').toUpperCase()
  return {
    v3,
    etag: `"${hash}"`,
    index: JSON.stringify({ paths: { [`apis/${apiVersion}`]: { serverRelativeURL: `/openapi/v3/apis/${apiVersion}?hash=${hash}` } } }),
    v2: JSON.stringify({
      swagger: '2.0',
      info,
      paths: {},
      definitions: JSON.parse(JSON.stringify(schemas).replaceAll('#/components/schemas/', '#/definitions/')),
    }),
  }
}
