// What is handed to a logger, made of nothing but plain values. Redaction copies objects by their properties, and a copied Buffer or
// Date throws when it is read: a line that cannot be written must never stop the work that it tells of.

import type { Log } from './log.ts'

const maxDepth = 8

/** The logger given plain values only, its children too. */
export function withPlainFields(log: Log): Log {
  return {
    debug: (fields, message) => log.debug(plainFields(fields), message),
    info: (fields, message) => log.info(plainFields(fields), message),
    warn: (fields, message) => log.warn(plainFields(fields), message),
    error: (fields, message) => log.error(plainFields(fields), message),
    child: (fields) => withPlainFields(log.child(plainFields(fields))),
  }
}

/** A serialized error; its code under a name of its own, because the value of any `code` is taken for a login code and hidden. */
export function plainError(serialized: object): Record<string, unknown> {
  const { code, ...fields } = plainFields(serialized)
  return typeof code === 'string' || typeof code === 'number' ? { ...fields, errorCode: code } : fields
}

/** Typed arrays become `<12 bytes>`, what has toJSON its JSON, anything deeper than 8 levels (and so every cycle) `<deep>`. */
export function plainFields<T extends object>(fields: T): Record<string, unknown> {
  return plainObject(fields, 0)
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`
  if (depth >= maxDepth) return '<deep>'
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1))
  try {
    const { toJSON } = value as { toJSON?: unknown }
    return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : plainObject(value, depth)
  } catch (error) {
    return `<unreadable: ${error instanceof Error ? error.message : String(error)}>`
  }
}

function plainObject(value: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]))
}
