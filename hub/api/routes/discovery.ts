// /version, /api, /apis and /openapi: what kubectl asks before it asks anything else.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { apiGroup, apiVersion, apiVersionName } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { aggregated, apiGroupDocument, apiGroupList, apiResourceList, apiVersions, reviewGroups, reviewResourceList } from '../discovery.ts'
import { negotiate } from '../http/accept.ts'
import { createOpenApi } from '../openapi/document.ts'
import type { ApiDeps } from '../types.ts'

const config = { access: 'authenticated' } as const
const isDiscovery = (as: string, version: string) => as === 'APIGroupDiscoveryList' && (version === 'v2' || version === 'v2beta1')

export function registerDiscovery(app: FastifyInstance, { resources, version }: ApiDeps): void {
  const definitions = resources.definitions()
  const openApi = createOpenApi(definitions, version)

  const answerDiscovery = (plain: object, isGroups: boolean) => (request: FastifyRequest, reply: FastifyReply) => {
    const accepted = negotiate(request.headers.accept, isDiscovery)
    reply.header('vary', 'Accept')
    if (!accepted.as) return reply.type('application/json').send(JSON.stringify(plain))
    return reply
      .type(`application/json;g=apidiscovery.k8s.io;v=${accepted.version};as=APIGroupDiscoveryList`)
      .send(JSON.stringify(aggregated(accepted.version ?? 'v2', isGroups ? definitions : undefined)))
  }
  app.get('/api', { config }, answerDiscovery(apiVersions(), false))
  app.get('/apis', { config }, answerDiscovery(apiGroupList(), true))

  const plain = (path: string, body: object) =>
    app.get(path, { config }, (_request, reply) => reply.type('application/json').send(JSON.stringify(body)))
  plain(`/apis/${apiGroup}`, apiGroupDocument(apiGroup, apiVersionName))
  plain(`/apis/${apiVersion}`, apiResourceList(definitions))
  for (const entry of reviewGroups) {
    plain(`/apis/${entry.group}`, apiGroupDocument(entry.group, 'v1'))
    plain(`/apis/${entry.group}/v1`, reviewResourceList(entry))
  }
  plain('/version', versionDocument(version))

  const document = (path: string, text: string) =>
    app.get(path, { config }, (request, reply) => {
      reply.header('etag', openApi.etag).type('application/json')
      if (request.headers['if-none-match'] === openApi.etag) return reply.code(304).send()
      return reply.send(text)
    })
  document('/openapi/v3', openApi.index)
  document(`/openapi/v3/apis/${apiVersion}`, openApi.v3)
  app.get('/openapi/v2', { config }, (request, reply) => {
    // Older clients ask for protobuf alone; they fall back to v3 or to no client-side schema.
    const accept = request.headers.accept ?? ''
    if (accept.includes('protobuf') && !/application\/json|\*\/\*/.test(accept))
      throw new ApiError('NotAcceptable', 'OpenAPI v2 is served as application/json only; /openapi/v3 has the same schemas')
    return reply.header('etag', openApi.etag).type('application/json').send(openApi.v2)
  })
}

/** kubectl reads major and minor; they say which Kubernetes' API conventions this server follows. */
function versionDocument(version: string): object {
  return {
    major: '1',
    minor: '31',
    gitVersion: `v1.31.0+moorline-${version}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch}`,
  }
}
