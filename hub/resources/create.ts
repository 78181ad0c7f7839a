// The verbs over the store. Each write reads the replica, prepares the new object and writes it under the resourceVersion that was read.
import { randomUUID } from 'node:crypto'
import type { Clock } from '#shared/clock/clock.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import type { Store, WriteOp } from '#hub/store/types.ts'
import { conflict, fromStore, invalid, notFound } from './errors.ts'
import { createReader } from './read.ts'
import { asStored, check, checkFinalizers, decode, isSame, mergeMetadata, withGeneration } from './prepare.ts'
import { prepareCreate } from './prepare-create.ts'
import type { DeleteOptions, KindDefinition, Look, Resources, WriteOptions } from './types.ts'

const attempts = 20

type TransactOp = Parameters<Resources['transact']>[0][number]

export interface CreateResourcesOptions {
  store: Store
  definitions: readonly KindDefinition[]
  clock: Clock
  /** In [0, 1); for generateName. */
  random: () => number
  newUid?: () => string
}

export function createResources({ store, definitions, clock, random, newUid = randomUUID }: CreateResourcesOptions): Resources {
  const byKind = new Map(definitions.map((definition) => [definition.kind, definition]))
  const look: Look = { get: store.get, list: (kind) => store.list(kind).items }

  function definitionOf(kind: string): KindDefinition {
    const definition = byKind.get(kind)
    if (!definition) throw new ApiError('NotFound', `the server does not have a kind ${kind}`)
    return definition
  }

  function current(definition: KindDefinition, name: string): Resource {
    const object = store.get(definition.kind, name)
    if (!object) throw notFound(definition, name)
    return object
  }

  async function write(definition: KindDefinition, name: string, ops: readonly WriteOp[]): Promise<Resource[]> {
    try {
      return await store.transact(ops)
    } catch (error) {
      throw fromStore(error, definition, name)
    }
  }

  const unchanged = (object: Resource): WriteOp => ({
    op: 'update',
    object,
    expectedResourceVersion: object.metadata.resourceVersion,
  })
  const removal = ({ kind, metadata }: Resource): WriteOp => ({
    op: 'delete',
    kind,
    name: metadata.name,
    uid: metadata.uid,
    expectedResourceVersion: metadata.resourceVersion,
  })

  /** The operation that brings `old` to `next`: a removal when it was only waiting for its last finalizer. */
  function replacement(definition: KindDefinition, next: Resource, old: Resource): WriteOp {
    const causes = checkFinalizers(next, old)
    if (causes.length > 0) throw invalid(definition, old.metadata.name, causes)
    const given = asStored({ ...next, metadata: { ...next.metadata, resourceVersion: old.metadata.resourceVersion } })
    check(definition, given, old, look)
    const object = withGeneration(definition.seal?.(given, old, clock.now()) ?? given, old)
    return object.metadata.deletionTimestamp && !object.metadata.finalizers?.length ? removal(old) : unchanged(object)
  }

  async function replace(
    definition: KindDefinition,
    next: Resource,
    old: Resource,
    { dryRun, admit }: Pick<WriteOptions, 'dryRun' | 'admit'> = {},
  ): Promise<Resource> {
    const op = replacement(definition, next, old)
    if (op.op === 'update' && isSame(op.object, old)) return old
    if (op.op === 'update' && admit) op.object = await admit(op.object, old)
    if (dryRun) return op.op === 'update' ? op.object : { ...old, metadata: next.metadata }
    const [written] = await write(definition, old.metadata.name, [op])
    return written as Resource
  }

  /** Again on a conflict that only this process could see; what the client itself read must still hold. */
  async function retry<T>(definition: KindDefinition, name: string, isBound: () => boolean, step: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await step()
      } catch (error) {
        const isConflict = error instanceof ApiError && error.code === 'Conflict'
        if (!isConflict || isBound() || attempt === attempts) throw error
      }
    }
  }

  async function update(
    kind: string,
    name: string,
    input: unknown,
    options: WriteOptions & { subresource?: 'status' } = {},
  ): Promise<Resource> {
    const definition = definitionOf(kind)
    const isStatus = options.subresource === 'status'
    const given = decode(definition, input, options, { status: isStatus })
    if (given.metadata.name !== undefined && given.metadata.name !== name)
      throw new ApiError('BadRequest', `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`)
    const { resourceVersion, uid } = given.metadata
    return retry(
      definition,
      name,
      () => resourceVersion !== undefined,
      async () => {
        const old = current(definition, name)
        if (uid && uid !== old.metadata.uid)
          throw conflict(definition, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
        if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw conflict(definition, name)
        const next: Resource = isStatus
          ? { ...old, status: given.status }
          : { ...old, metadata: mergeMetadata(old, given.metadata), spec: given.spec }
        return isStatus
          ? replace(definition, next, old, { dryRun: options.dryRun })
          : replace(definition, definition.defaults?.(next, clock.now()) ?? next, old, options)
      },
    )
  }

  /** Deletion begins, or happens when nothing holds the object. */
  function deletion(definition: KindDefinition, object: Resource): WriteOp | undefined {
    const why = definition.validateDelete?.(object, look)
    if (why) throw conflict(definition, object.metadata.name, why)
    if (!object.metadata.finalizers?.length) return removal(object)
    if (object.metadata.deletionTimestamp) return undefined
    const deletionTimestamp = clock.now().toISOString()
    return unchanged({ ...object, metadata: { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 } })
  }

  async function remove(kind: string, name: string, options: DeleteOptions = {}): Promise<Resource> {
    const definition = definitionOf(kind)
    const { uid, resourceVersion } = options.preconditions ?? {}
    return retry(
      definition,
      name,
      () => resourceVersion !== undefined,
      async () => {
        const object = current(definition, name)
        if (uid && uid !== object.metadata.uid)
          throw conflict(definition, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`)
        if (resourceVersion && resourceVersion !== object.metadata.resourceVersion)
          throw conflict(
            definition,
            name,
            `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${object.metadata.resourceVersion}`,
          )
        const op = deletion(definition, object)
        if (!op || options.dryRun) return object
        const [written] = await write(definition, name, [op])
        return written as Resource
      },
    )
  }

  async function create(kind: string, input: unknown, options: WriteOptions = {}): Promise<Resource> {
    const definition = definitionOf(kind)
    for (let attempt = 1; ; attempt++) {
      const prepared = prepareCreate(definition, input, options, { clock, random, newUid, look })
      const { answerOnlyStatus, isGenerated } = prepared
      try {
        // A name that is taken needs no dialling to be refused.
        const isTaken = store.get(kind, prepared.object.metadata.name) !== undefined
        const object = isTaken ? prepared.object : ((await options.admit?.(prepared.object, undefined)) ?? prepared.object)
        if (options.dryRun) {
          if (store.get(kind, object.metadata.name)) await write(definition, object.metadata.name, [{ op: 'create', object }])
          return object
        }
        const [written] = await write(definition, object.metadata.name, [{ op: 'create', object }])
        return answerOnlyStatus && written
          ? { ...written, status: { ...(written.status as object), ...answerOnlyStatus } }
          : (written as Resource)
      } catch (error) {
        const isTaken = error instanceof ApiError && error.code === 'AlreadyExists'
        if (!isTaken || !isGenerated || attempt === attempts) throw error
      }
    }
  }

  async function modify(
    kind: string,
    name: string,
    change: (object: Resource) => Resource | undefined,
    options: { subresource?: 'status' } = {},
  ): Promise<Resource | undefined> {
    const definition = definitionOf(kind)
    return retry(
      definition,
      name,
      () => false,
      async () => {
        const old = store.get(kind, name)
        if (!old) return undefined
        // A copy: what the replica holds is shared and frozen.
        const changed = change(JSON.parse(store.json(old)) as Resource)
        if (changed === undefined) return undefined
        const next: Resource =
          options.subresource === 'status'
            ? { ...old, status: changed.status }
            : { ...changed, metadata: mergeMetadata(old, changed.metadata) }
        return replace(definition, next, old)
      },
    )
  }

  /** Undefined when the object is already as it should be. */
  function transactOp({ op, object }: TransactOp, pending: readonly Resource[]): WriteOp | undefined {
    const definition = definitionOf(object.kind)
    if (op === 'create') return { op, object: prepareCreate(definition, object, {}, { clock, random, newUid, look, pending }).object }
    const old = current(definition, object.metadata.name)
    const { uid, resourceVersion } = object.metadata
    if ((uid && uid !== old.metadata.uid) || (resourceVersion && resourceVersion !== old.metadata.resourceVersion))
      throw conflict(definition, object.metadata.name)
    if (op === 'delete') return deletion(definition, old)
    const next = replacement(definition, { ...object, metadata: mergeMetadata(old, object.metadata) }, old)
    return next.op === 'update' && isSame(next.object, old) ? undefined : next
  }

  async function transact(ops: readonly TransactOp[]): Promise<Resource[]> {
    const pending = ops.map(({ object }) => object)
    const wanted = ops.map((op) => transactOp(op, pending))
    const writes = wanted.filter((op) => op !== undefined)
    const [first] = pending
    const written = first && writes.length > 0 ? await write(definitionOf(first.kind), first.metadata.name, writes) : []
    let next = 0
    return wanted.map((op, index) => {
      const { kind, metadata } = pending[index] as Resource
      return (op ? written[next++] : store.get(kind, metadata.name)) as Resource
    })
  }

  return {
    definition: (kind) => byKind.get(kind),
    definitions: () => definitions,
    ...createReader(store, definitionOf),
    create: create as Resources['create'],
    update: update as Resources['update'],
    modify: modify as Resources['modify'],
    delete: remove as Resources['delete'],
    transact,
  }
}
