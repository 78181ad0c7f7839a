// JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) on plain values. Own properties only, so no path reaches a prototype.
import { isDeepStrictEqual } from 'node:util'
import { limits } from '#shared/contract/limits.ts'
import { ApiError } from '#shared/errors/api-error.ts'

type Json = unknown
type Container = Record<string, Json> | Json[]

/** As Kubernetes: at most this many operations in one patch. */
const maxOperations = 10_000

/** Returns a new value; `target` is not changed. Throws ApiError Invalid with the operation that failed. */
export function applyJsonPatch(target: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON Patch is a list of operations')
  if (patch.length > maxOperations) throw new ApiError('RequestEntityTooLarge', `a JSON Patch may have ${maxOperations} operations`)
  let document = structuredClone(target)
  let copied = 0
  for (const [index, operation] of patch.entries()) {
    try {
      document = applyOne(document, operation as Record<string, Json>, (value) => {
        copied += JSON.stringify(value ?? null).length
        if (copied > limits.apiBodyBytes) throw new ApiError('RequestEntityTooLarge', 'the copies of this JSON Patch grow over 3 MiB')
        return structuredClone(value)
      })
    } catch (error) {
      if (error instanceof ApiError && error.code === 'RequestEntityTooLarge') throw error
      throw new ApiError('Invalid', `the server rejected the JSON Patch: operation ${index}: ${(error as Error).message}`)
    }
  }
  return document
}

function applyOne(document: Json, operation: Record<string, Json>, copy: (value: Json) => Json): Json {
  if (typeof operation !== 'object' || operation === null) throw new Error('it is not an object')
  const { op, path, from, value } = operation
  if (typeof path !== 'string') throw new Error('it has no path')
  switch (op) {
    case 'add':
      return add(document, parsePointer(path), copy(needValue(operation, value)))
    case 'replace':
      read(document, parsePointer(path))
      return set(document, parsePointer(path), copy(needValue(operation, value)))
    case 'remove':
      return remove(document, parsePointer(path))
    case 'test':
      if (!isDeepStrictEqual(read(document, parsePointer(path)), value)) throw new Error(`testing ${path} failed`)
      return document
    case 'copy':
    case 'move': {
      if (typeof from !== 'string') throw new Error('it has no from')
      if (op === 'move' && path.startsWith(`${from}/`)) throw new Error('a value cannot be moved into itself')
      const moved = copy(read(document, parsePointer(from)))
      return add(op === 'move' ? remove(document, parsePointer(from)) : document, parsePointer(path), moved)
    }
    default:
      throw new Error(`${JSON.stringify(op)} is not an operation`)
  }
}

function needValue(operation: object, value: Json): Json {
  if (!Object.hasOwn(operation, 'value')) throw new Error('it has no value')
  return value
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw new Error(`${JSON.stringify(pointer)} is not a JSON pointer`)
  const parts = pointer.slice(1).split('/')
  if (parts.length > limits.jsonDepth) throw new Error('its path is too deep')
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function indexOf(list: Json[], key: string, isInsert: boolean): number {
  if (key === '-' && isInsert) return list.length
  const index = /^(0|[1-9][0-9]{0,9})$/.test(key) ? Number(key) : Number.NaN
  if (!(index < list.length + (isInsert ? 1 : 0))) throw new Error(`there is no element ${JSON.stringify(key)}`)
  return index
}

function child(value: Json, key: string): Json {
  if (Array.isArray(value)) return value[indexOf(value, key, false)]
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) throw new Error(`there is no ${JSON.stringify(key)}`)
  return (value as Record<string, Json>)[key]
}

function read(document: Json, path: readonly string[]): Json {
  return path.reduce(child, document)
}

function container(document: Json, path: readonly string[]): { parent: Container; key: string } {
  const parent = read(document, path.slice(0, -1))
  if (typeof parent !== 'object' || parent === null) throw new Error(`${path.slice(0, -1).join('/')} is neither an object nor a list`)
  const key = path.at(-1) as string
  if (key === '__proto__') throw new Error('the key __proto__ is not allowed')
  return { parent: parent as Container, key }
}

function add(document: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value
  const { parent, key } = container(document, path)
  if (Array.isArray(parent)) parent.splice(indexOf(parent, key, true), 0, value)
  else parent[key] = value
  return document
}

function set(document: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value
  const { parent, key } = container(document, path)
  if (Array.isArray(parent)) parent[indexOf(parent, key, false)] = value
  else parent[key] = value
  return document
}

function remove(document: Json, path: readonly string[]): Json {
  read(document, path)
  if (path.length === 0) throw new Error('the whole object cannot be removed')
  const { parent, key } = container(document, path)
  if (Array.isArray(parent)) parent.splice(indexOf(parent, key, false), 1)
  else delete parent[key]
  return document
}

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function applyMergePatch(target: Json, patch: Json): Json {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return structuredClone(patch)
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target)
  const result: Record<string, Json> = isObject ? { ...(target as Record<string, Json>) } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (key === '__proto__') throw new ApiError('BadRequest', 'the key __proto__ is not allowed in a body')
    if (value === null) delete result[key]
    else result[key] = applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value)
  }
  return result
}
