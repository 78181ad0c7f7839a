// The paths of the resource API as OpenAPI v3. kubectl looks for x-kubernetes-group-version-kind (explain), the fieldValidation
// parameter (server-side validation) and the content types of PATCH (which kind of patch `apply` may send).
import { apiVersion } from '#shared/contract/meta.ts'
import { Registration } from '#shared/contract/registration.ts'
import type { KindDefinition } from '#hub/resources/types.ts'
import { subresourcesOf } from '../discovery.ts'
import { groupVersionKind, schemaName, schemaRef, toOpenApi } from './schemas.ts'

type Json = Record<string, unknown>

const query = (name: string, type: string, description: string): Json => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
})
const pretty = query('pretty', 'string', 'Not used.')
const writing = [
  query('dryRun', 'string', 'All: everything but the write itself.'),
  query('fieldManager', 'string', 'Name of the client.'),
  query('fieldValidation', 'string', 'Ignore, Warn or Strict: what to do with unknown fields.'),
]
const selecting = [
  query('labelSelector', 'string', 'Selects by labels.'),
  query('fieldSelector', 'string', 'Selects by metadata.name and the declared fields of the kind.'),
]
const listing = [
  ...selecting,
  query('limit', 'integer', 'Most items in one answer.'),
  query('continue', 'string', 'Token of the answer before.'),
  query('resourceVersion', 'string', 'Watch: where to start.'),
  query('resourceVersionMatch', 'string', 'NotOlderThan, with sendInitialEvents.'),
  query('watch', 'boolean', 'Stream changes.'),
  query('allowWatchBookmarks', 'boolean', 'Send BOOKMARK events.'),
  query('sendInitialEvents', 'boolean', 'Begin a watch with what exists.'),
  query('timeoutSeconds', 'integer', 'End the watch after this time.'),
]
const types = ['application/json', 'application/yaml']
const content = (schema: Json, mediaTypes: readonly string[] = types): Json =>
  Object.fromEntries(mediaTypes.map((type) => [type, { schema }]))
const anyObject: Json = { type: 'object' }

/** Of subresources that do not answer with the object. */
function answerOf(subresource: string): Json | undefined {
  if (subresource === 'registration') return toOpenApi(Registration)
  return subresource === 'log' || subresource === 'kubeconfig' || subresource === 'rights' ? { type: 'string' } : undefined
}

export function kindPaths(definitions: readonly KindDefinition[]): Json {
  return Object.fromEntries(definitions.flatMap(pathsOf))
}

function pathsOf(definition: KindDefinition): [string, Json][] {
  const { kind, plural } = definition
  const one = schemaRef(schemaName(kind))
  const many = schemaRef(schemaName(`${kind}List`))
  const operation = (action: string, rest: Json): Json => ({
    tags: ['moorlineDev_v1alpha1'],
    operationId: `${action}MoorlineDevV1alpha1${kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
    ...rest,
  })
  const answer = (schema: Json, code = '200'): Json => ({ [code]: { description: 'OK', content: content(schema) } })
  const body = (schema: Json, mediaTypes?: readonly string[]): Json => ({ required: true, content: content(schema, mediaTypes) })
  const patchTypes = ['application/json-patch+json', 'application/merge-patch+json']

  const item: Json = {
    get: operation('get', { description: `Reads one ${kind}.`, responses: answer(one) }),
    put: operation('put', { description: `Replaces one ${kind}.`, parameters: writing, requestBody: body(one), responses: answer(one) }),
    patch: operation('patch', {
      description: `Changes parts of one ${kind}.`,
      parameters: writing,
      requestBody: body(anyObject, patchTypes),
      responses: answer(one),
    }),
    delete: operation('delete', { description: `Deletes one ${kind}.`, parameters: writing.slice(0, 1), responses: answer(anyObject) }),
    parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string', uniqueItems: true } }, pretty],
  }
  const collection: Json = {
    get: operation('list', { description: `Lists or watches ${kind}.`, parameters: listing, responses: answer(many) }),
    post: operation('post', {
      description: `Creates a ${kind}.`,
      parameters: writing,
      requestBody: body(one),
      responses: answer(one, '201'),
    }),
    delete: operation('deletecollection', {
      description: `Deletes what the selectors match.`,
      parameters: selecting,
      responses: answer(many),
    }),
    parameters: [pretty],
  }
  const base = `/apis/${apiVersion}/${plural}`
  const methods: Record<string, string> = { get: 'get', update: 'put', patch: 'patch', create: 'post' }
  const subresources = subresourcesOf(definition).map(({ name, verbs }): [string, Json] => [
    `${base}/{name}/${name}`,
    {
      ...Object.fromEntries(
        verbs.map((verb) => [
          methods[verb],
          operation(methods[verb] as string, {
            operationId: `${verb}MoorlineDevV1alpha1${kind}${name}`,
            description: `${verb} ${name} of one ${kind}.`,
            // kubectl takes any PATCH of the kind to learn whether fieldValidation is known.
            ...((verb === 'patch' || verb === 'update') && { parameters: writing }),
            ...(verb === 'patch' && { requestBody: body(anyObject, patchTypes) }),
            ...(verb === 'update' && { requestBody: body(one) }),
            responses: answer(answerOf(name) ?? one, name === 'registration' ? '201' : '200'),
          }),
        ]),
      ),
      parameters: item.parameters,
    },
  ])
  return [[base, collection], [`${base}/{name}`, item], ...subresources]
}
