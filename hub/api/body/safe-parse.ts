// Turns the text of a request into a plain value. Refuses what a schema would see too late: depth, prototype keys, anchors.
import { parseDocument } from 'yaml'
import { limits } from '#shared/contract/limits.ts'
import { ApiError } from '#shared/errors/api-error.ts'

/** Throws ApiError BadRequest naming what is wrong. */
export function parseJson(text: string): unknown {
  checkBrackets(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ApiError('BadRequest', `the body is not JSON: ${(error as Error).message}`)
  }
  checkValue(value)
  return value
}

/** One document, YAML 1.2 core schema. */
export function parseYaml(text: string): unknown {
  checkBrackets(text)
  checkBlockDepth(text)
  let value: unknown
  try {
    const document = parseDocument(text, { schema: 'core', merge: false, uniqueKeys: true, stringKeys: true })
    const problem = document.errors[0]
    if (problem) throw problem
    value = document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    const message = error instanceof RangeError ? 'it is nested too deep' : (error as Error).message.split('\n')[0]
    throw new ApiError('BadRequest', `the body is not acceptable YAML (one document, no anchors): ${message}`)
  }
  checkValue(value)
  return value
}

/** Before the parser: brackets that are open at once. A few of them in strings are no matter, JSON's own strings are skipped. */
function checkBrackets(text: string): void {
  let depth = 0
  let isInString = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (isInString) {
      if (code === 0x5c) index++
      else if (code === 0x22) isInString = false
    } else if (code === 0x22) isInString = true
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limits.jsonDepth) tooDeep()
    } else if ((code === 0x7d || code === 0x5d) && depth > 0) depth--
  }
}

/** `- - - -` and `? ? ?` nest without brackets or new lines, and so does indentation: one level is at least one column. */
function checkBlockDepth(text: string): void {
  for (const line of text.split('\n')) {
    const lead = /^(?:[ \t]*[-?:](?=[ \t]))+/.exec(line)?.[0] ?? ''
    if (lead.replace(/[^-?:]/g, '').length > limits.jsonDepth) tooDeep()
  }
}

function tooDeep(): never {
  throw new ApiError('BadRequest', `the body is nested deeper than ${limits.jsonDepth} levels`)
}

/** Depth and keys of a parsed value; also for values that a patch has made. */
export function checkValue(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > limits.jsonDepth) tooDeep()
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, depth + 1)
    return
  }
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key]
    if (key === '__proto__' || (key === 'constructor' && typeof child === 'object' && child !== null && Object.hasOwn(child, 'prototype')))
      throw new ApiError('BadRequest', `the key ${key} is not allowed in a body`)
    checkValue(child, depth + 1)
  }
}
