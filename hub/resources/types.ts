// The resource layer: Kubernetes semantics (validation, defaults, generation, finalizers, conflicts) over the store.
// api/ and controllers/ use this and never the store's write side directly.
import type { TSchema } from 'typebox'
import type { Resource } from '#shared/contract/meta.ts'
import type { Change } from '#hub/store/types.ts'

export interface Column {
  name: string
  type: 'string' | 'integer' | 'date' | 'boolean'
  /** 0 is always shown, 1 with -o wide. */
  priority: 0 | 1
  description: string
  /** A 'date' is already the text that is shown ("5m", as the API server prints ages): a client gets it as it is. */
  value(object: Resource, now: Date): string | number | boolean | null
}

export interface FieldCause {
  /** Path as Kubernetes prints it: spec.machines[0].ipv4 */
  field: string
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueTypeInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
  message: string
}

/** Look-ups for rules. */
export interface Look {
  get(kind: string, name: string): Resource | undefined
  list(kind: string): readonly Resource[]
}

export interface KindDefinition {
  kind: string
  plural: string
  singular: string
  shortNames: readonly string[]
  categories: readonly string[]
  description: string
  spec: TSchema
  status: TSchema
  columns: readonly Column[]
  /** Paths usable in fieldSelector besides metadata.name, e.g. 'spec.machine'. */
  selectableFields: Readonly<Record<string, (object: Resource) => string>>
  /** Fills what the user left out; pure. Called on create and update before validation. */
  defaults?(object: Resource, now: Date): Resource
  /** Rules beyond the schema; `old` on update; pure apart from look-ups. */
  validate?(object: Resource, old: Resource | undefined, look: Look): FieldCause[]
  /** A sentence when the object may not be deleted now. */
  validateDelete?(object: Resource, look: Look): string | undefined
  /** What is left to do elsewhere when the object is gone; told to the client. */
  deleteWarning?(object: Resource): string | undefined
  /** The secrets of spec.data: from an object that has passed validation, in clear or with marks that keep what `old` has, to what is stored. See sealed.ts. */
  seal?(object: Resource, old: Resource | undefined, now: Date): Resource
  /** What leaves the hub through API and watch instead of the object; controllers see it whole. Never serve store.json of a kind that has this. */
  redact?(object: Resource): Resource
  /** Initial status, set on create by the server. */
  initialStatus?(object: Resource, now: Date): unknown
  /** Extra fields of an answer to create that are never stored (a token's secret); called once, its result is merged into the answer's status; may change the object to store. */
  onCreate?(object: Resource, now: Date): { object: Resource; answerOnlyStatus?: Record<string, unknown> }
}

/**
 * The last word before an object is stored: asked with what has passed validation, may dial, and returns the object with the status that
 * was found. Given with the writes of users; a controller's own write brings none, so that none waits for a network.
 * @throws ApiError
 */
export type Admit = (object: Resource, old: Resource | undefined) => Promise<Resource>

export interface WriteOptions {
  dryRun?: boolean
  admit?: Admit
  /** Absent: Strict. The API passes Warn when the client says nothing, as Kubernetes does. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore'
  /** Collects warnings for the Warning header. */
  warnings?: string[]
}

export interface ListOptions {
  labelSelector?: string
  fieldSelector?: string
  limit?: number
  continue?: string
}

export interface DeleteOptions extends WriteOptions {
  preconditions?: { uid?: string; resourceVersion?: string }
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  object: Resource
}

/** Throws ApiError (shared/errors) with a Kubernetes reason everywhere. */
export interface Resources {
  definition(kind: string): KindDefinition | undefined
  definitions(): readonly KindDefinition[]
  get<T extends Resource>(kind: string, name: string): T | undefined
  list<T extends Resource>(
    kind: string,
    options?: ListOptions,
  ): { items: T[]; resourceVersion: string; continue?: string; remainingItemCount?: number }
  create<T extends Resource>(kind: string, object: unknown, options?: WriteOptions): Promise<T>
  /** Replaces spec and metadata (status untouched), or with subresource 'status' only the status. */
  update<T extends Resource>(kind: string, name: string, object: unknown, options?: WriteOptions & { subresource?: 'status' }): Promise<T>
  /** Read, change, write, again on conflict (at most 20 times). `change` is pure; undefined means: nothing to do. For controllers: spec is not touched when subresource is 'status'. */
  modify<T extends Resource>(
    kind: string,
    name: string,
    change: (current: T) => T | undefined,
    options?: { subresource?: 'status' },
  ): Promise<T | undefined>
  delete<T extends Resource>(kind: string, name: string, options?: DeleteOptions): Promise<T>
  /** Several objects in one transaction. Objects come from `modify`-like changes: each carries the resourceVersion it was read at; a conflict throws. Status included as given; for controllers. */
  transact(
    ops: readonly ({ op: 'create'; object: Resource } | { op: 'update'; object: Resource } | { op: 'delete'; object: Resource })[],
  ): Promise<Resource[]>
  /** Events after resourceVersion that match the selectors. Throws ApiError 410 Expired. */
  watch(kind: string, resourceVersion: number, options: ListOptions, onEvent: (event: WatchEvent) => void): { close(): void }
  /** Every change of every kind, for controllers. */
  subscribe(onChange: (change: Change) => void): { close(): void }
}
