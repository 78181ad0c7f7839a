// JSON from the wire: size and depth are limited before parsing, and keys that reach into prototypes are refused.

export class JsonRefused extends Error {
  override readonly name = 'JsonRefused'
}

export interface JsonLimits {
  maxBytes: number
  maxDepth: number
}

/** Throws {@link JsonRefused} with a sentence that can be shown to the sender. */
export function parseJson(text: string | Uint8Array, { maxBytes, maxDepth }: JsonLimits): unknown {
  const source = typeof text === 'string' ? text : decode(text, maxBytes)
  // A string of n UTF-16 units has at least n bytes; only the doubtful ones are counted.
  if (source.length > maxBytes || (source.length * 3 > maxBytes && Buffer.byteLength(source) > maxBytes))
    throw new JsonRefused(`JSON is larger than ${maxBytes} bytes`)
  if (depthOf(source, maxDepth) > maxDepth) throw new JsonRefused(`JSON is nested deeper than ${maxDepth} levels`)
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch (cause) {
    throw new JsonRefused(`not valid JSON: ${(cause as Error).message.slice(0, 200)}`)
  }
  // Keys can be written with escapes, so a text that has any is walked too.
  if (source.includes('proto') || source.includes('\\u')) refusePrototypeKeys(value)
  return value
}

function decode(bytes: Uint8Array, maxBytes: number): string {
  if (bytes.byteLength > maxBytes) throw new JsonRefused(`JSON is larger than ${maxBytes} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new JsonRefused('JSON is not valid UTF-8')
  }
}

/** Brackets outside strings; stops counting at the first level that is too deep. */
function depthOf(text: string, maxDepth: number): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString) {
      if (code === 0x5c) at++
      else if (code === 0x22) isInString = false
    } else if (code === 0x22) isInString = true
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > deepest) deepest = depth
      if (depth > maxDepth) return depth
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}

function refusePrototypeKeys(root: unknown): void {
  const left: unknown[] = [root]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) {
      left.push(...value)
      continue
    }
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__') throw new JsonRefused('the key "__proto__" is not allowed')
      if (key === 'constructor' && typeof child === 'object' && child !== null && Object.hasOwn(child, 'prototype'))
        throw new JsonRefused('the key "constructor.prototype" is not allowed')
      left.push(child)
    }
  }
}
