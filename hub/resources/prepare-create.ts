// A new object: name, uid, time, defaults, initial status, secrets that are shown once.
import type { Clock } from '#shared/clock/clock.ts'
import { apiVersion, type Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { check, decode } from './prepare.ts'
import type { KindDefinition, Look, WriteOptions } from './types.ts'

export interface CreateTools {
  clock: Clock
  random: () => number
  newUid: () => string
  look: Look
  /** Other objects of the same transaction, which references may name. */
  pending?: readonly Resource[]
}

export interface PreparedCreate {
  object: Resource
  answerOnlyStatus?: Record<string, unknown>
  isGenerated: boolean
}

// No vowels and no digits that look like letters, as in Kubernetes: no words come out by chance.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

function generatedName(prefix: string, random: () => number): string {
  let suffix = ''
  for (let i = 0; i < 5; i++) suffix += alphabet[Math.floor(random() * alphabet.length)]
  return prefix.slice(0, 248) + suffix
}

export function prepareCreate(definition: KindDefinition, input: unknown, options: WriteOptions, tools: CreateTools): PreparedCreate {
  const now = tools.clock.now()
  // Controllers create with a status (a Machine that asked to join); the API drops it from what users send.
  const given = decode(definition, input, options, { status: tools.pending !== undefined })
  if (given.metadata.resourceVersion) throw new ApiError('BadRequest', 'resourceVersion should not be set on objects to be created')
  const { labels, annotations, finalizers, ownerReferences, generateName, namespace } = given.metadata
  const isGenerated = !given.metadata.name && Boolean(generateName)
  const name = isGenerated ? generatedName(generateName ?? '', tools.random) : (given.metadata.name ?? '')
  let object: Resource = {
    apiVersion,
    kind: definition.kind,
    metadata: {
      name,
      ...(generateName && { generateName }),
      ...(namespace && { namespace }),
      uid: tools.newUid(),
      generation: 1,
      creationTimestamp: now.toISOString().replace(/\.\d+Z$/, 'Z'),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers?.length && { finalizers }),
      ...(ownerReferences?.length && { ownerReferences }),
    },
    spec: given.spec,
  }
  object = definition.defaults?.(object, now) ?? object
  check(definition, object, undefined, withPending(tools.look, tools.pending))
  const status = given.status ?? definition.initialStatus?.(object, now)
  if (status !== undefined) object = { ...object, status }
  object = definition.seal?.(object, undefined, now) ?? object
  if (!definition.onCreate) return { object, isGenerated }
  const created = definition.onCreate(object, now)
  return { ...created, ...(options.dryRun && { answerOnlyStatus: undefined }), isGenerated }
}

function withPending(look: Look, pending: readonly Resource[] = []): Look {
  return {
    get: (kind, name) => look.get(kind, name) ?? pending.find((object) => object.kind === kind && object.metadata.name === name),
    list: look.list,
  }
}
